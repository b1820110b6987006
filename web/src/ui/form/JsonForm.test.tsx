import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import axe from 'axe-core';
import { expect, test, vi } from 'vitest';
import { Problem } from '../../api/problem';
import { startLanguage } from '../../i18n';
import { Button } from '../Button';
import { parseDecimal, showDecimal } from './decimal';
import { JsonForm } from './JsonForm';
import type { Schema } from './schema';
import { validate } from './validate';

/** As Pydantic writes it: an optional, a reference, a Decimal, an enum, a list. */
const schema: Schema = {
  type: 'object',
  required: ['order', 'wish'],
  $defs: { Wish: { type: 'string', enum: ['refund', 'replacement'] } },
  properties: {
    order: { type: 'string', title: 'Order', minLength: 3, examples: ['SO-1'] },
    wish: { $ref: '#/$defs/Wish', title: 'Wish' },
    amount: { anyOf: [{ type: 'number', minimum: 0 }, { type: 'string', pattern: '^\\d+(\\.\\d+)?$' }], title: 'Amount', 'x-unit': 'EUR' },
    note: { anyOf: [{ type: 'string' }, { type: 'null' }], default: null, title: 'Note' },
    urgent: { type: 'boolean', title: 'Urgent', default: false },
    photos: { type: 'array', items: { type: 'string' }, title: 'Photos' },
  },
};

function show(onSubmit: (value: object) => unknown) {
  const user = userEvent.setup();
  const view = render(<JsonForm schema={schema} onSubmit={onSubmit}><Button type="submit">Go</Button></JsonForm>);
  return { user, ...view };
}

test('says what is missing at its field, then sends typed values and leaves out what was not touched', async () => {
  const done = vi.fn();
  const { user, container } = show(done);
  await user.click(screen.getByRole('button', { name: 'Go' }));
  expect(done).not.toHaveBeenCalled();
  expect(screen.getByLabelText(/Order/).getAttribute('aria-invalid')).toBe('true');
  expect(screen.getByText('2 entries need your attention.')).toBeTruthy();
  await user.type(screen.getByLabelText(/Order/), 'SO-1042');
  await user.click(screen.getByRole('radio', { name: 'Refund' }));
  await user.type(screen.getByLabelText('Amount'), '1,234.50');
  await user.click(screen.getByRole('button', { name: 'Go' }));
  expect(done).toHaveBeenCalledWith({ order: 'SO-1042', wish: 'refund', amount: '1234.50', urgent: false });
  const { violations } = await axe.run(container, { rules: { 'color-contrast': { enabled: false } } });
  expect(violations).toEqual([]);
});

test('what the server refuses stands at the field that it names, and nothing typed is lost', async () => {
  const { user } = show(() => Promise.reject(new Problem('No', 422, 'bad-input', '', [{ field: 'input.order', value: 'SO-1', detail: 'There is no such order.' }])));
  await user.type(screen.getByLabelText(/Order/), 'SO-1');
  await user.click(screen.getByRole('radio', { name: 'Refund' }));
  await user.click(screen.getByRole('button', { name: 'Go' }));
  expect(await screen.findByText('There is no such order.')).toBeTruthy();
  expect((screen.getByLabelText(/Order/) as HTMLInputElement).value).toBe('SO-1');
});

test('problems are said in words, in both languages', async () => {
  expect(validate(schema, { order: 'S', wish: 'refund' })).toEqual({ order: 'At least 3 characters.' });
  expect(validate(schema, { order: 'SO-1', wish: 'money' })).toEqual({ wish: 'Choose one of the offered values.' });
  await startLanguage('zh');
  expect(validate(schema, { order: 'S', wish: 'refund' })).toEqual({ order: '至少 3 个字符。' });
  await startLanguage('en');
});

test('an amount is text from end to end', () => {
  expect(parseDecimal('12,345.60')).toBe('12345.60');
  expect(parseDecimal('0.1')).toBe('0.1');
  expect(parseDecimal('abc')).toBe('abc');
  expect(showDecimal('12345678901234567890.12')).toBe('12,345,678,901,234,567,890.12');
});
