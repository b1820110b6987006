import { expect, test } from 'vitest';
import { changed } from './attributes';

test('sends what differs, trimmed, and null for what was emptied', () => {
  expect(changed({ department: 'sales', level: '2' }, { department: ' finance ', level: '', region: 'north' })).toEqual({ department: 'finance', level: null, region: 'north' });
  expect(changed({ department: 'sales' }, { department: 'sales ', region: ' ' })).toEqual({});
});
