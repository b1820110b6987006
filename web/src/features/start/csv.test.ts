import { expect, test } from 'vitest';
import { cells, parse } from './csv';

test('reads what spreadsheets write: quotes, line breaks in cells, semicolons, a byte order mark', () => {
  expect(cells('a,b\r\n"x, ""y""",2\r\n')).toEqual([['a', 'b'], ['x, "y"', '2']]);
  expect(cells('\ufeffa;b\n"one\ntwo";2')).toEqual([['a', 'b'], ['one\ntwo', '2']]);
});

test('columns are found by name or title, values have the type of their field', () => {
  const schema = { type: 'object', properties: { order: { type: 'string', title: 'Order number' }, count: { type: 'integer' }, urgent: { type: 'boolean' }, price: { anyOf: [{ type: 'number' }, { type: 'string' }] } } };
  const { rows, unknown } = parse('Order number,count,urgent,price,Remark\nSO-1,3,yes,"1,200.50",x\n', schema);
  expect(rows).toEqual([{ order: 'SO-1', count: 3, urgent: true, price: '1200.50' }]);
  expect(unknown).toEqual(['Remark']);
});
