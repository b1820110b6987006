import { QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import axe from 'axe-core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { agentKeys } from '../../api/agents';
import { queries } from '../../api/client';
import * as intakes from '../../api/intakes';
import { Problem } from '../../api/problem';
import { startLanguage } from '../../i18n';
import { NewIntakeDialog } from './NewIntakeDialog';

const AGENT = { name: 'clerk', title: 'The clerk', i_may_start: true, input_schema: { type: 'object', properties: { text: { type: 'string', title: 'What went wrong?' } } } };
const TOOL = {
  name: 'mail.list_new',
  input_schema: { type: 'object', required: ['to'], properties: { to: { type: 'string', title: 'To' }, limit: { type: 'integer', title: 'Limit', default: 20 } } },
  message_fields: ['id', 'subject'],
};
const create = vi.spyOn(intakes, 'createIntake');

function seed() {
  queries.setDefaultOptions({ queries: { staleTime: Infinity, retry: false } });
  queries.setQueryData(agentKeys.all, [AGENT, { ...AGENT, name: 'other', title: 'Not mine', i_may_start: false }]);
  queries.setQueryData(agentKeys.one('clerk'), AGENT);
  queries.setQueryData(intakes.intakeKeys.tools, [TOOL]);
}

beforeEach(() => {
  create.mockReset();
  seed();
});
afterEach(() => {
  cleanup(); // before what it shows is forgotten, or it would be asked for again
  queries.clear();
  return startLanguage('en');
});

async function show() {
  const user = userEvent.setup();
  const closed = vi.fn();
  const view = render(<QueryClientProvider client={queries}><NewIntakeDialog onClose={closed} /></QueryClientProvider>);
  await user.type(screen.getByLabelText(/^(Name|名称)/), 'Complaints');
  await user.selectOptions(screen.getByLabelText(/^(Starts|发起)/), 'clerk');
  return { user, closed, ...view };
}

const go = () => screen.getByRole('button', { name: 'Create' });

test('an intake is made of what was typed: arguments by the tool, a mapping, from now on', async () => {
  create.mockResolvedValue();
  const { user, closed, container } = await show();
  expect(screen.queryByRole('option', { name: 'Not mine' })).toBeNull();
  expect(screen.getByText('id, subject')).toBeTruthy();
  await user.type(screen.getByLabelText(/^To/), 'c@example.com');
  await user.type(screen.getByLabelText('What went wrong?'), ' subject ');
  const { violations } = await axe.run(container, { rules: { 'color-contrast': { enabled: false } } });
  expect(violations).toEqual([]);
  await user.click(go());
  const made = { name: 'Complaints', agent: 'clerk', tool: 'mail.list_new', arguments: { to: 'c@example.com', limit: 20 }, mapping: { text: 'subject' }, every_seconds: 60, principal: '', after: 'end' };
  expect(create).toHaveBeenCalledWith(made);
  expect(closed).toHaveBeenCalled();
});

test('what does not fit is said at its field before anything is sent, in the language of the viewer', async () => {
  await startLanguage('zh');
  seed();
  const { user } = await show();
  await user.clear(screen.getByLabelText(/^两次/));
  await user.type(screen.getByLabelText(/^两次/), '2');
  await user.click(screen.getByRole('button', { name: '创建' }));
  expect(create).not.toHaveBeenCalled();
  expect([screen.getByText('请填写此项。'), screen.getByText('不能小于 5。')]).toHaveLength(2);
});

test('what the server refuses stands at the field that it names, and nothing typed is lost', async () => {
  create.mockRejectedValue(new Problem('No.', 422, 'bad-input', '', [{ field: 'mapping.text', value: 'a[', detail: 'This is no expression.' }]));
  const { user, closed } = await show();
  await user.type(screen.getByLabelText(/^To/), 'c@example.com');
  await user.type(screen.getByLabelText('What went wrong?'), 'a');
  await user.click(go());
  const field = await screen.findByLabelText('What went wrong?');
  expect(await screen.findByText('This is no expression.')).toBeTruthy();
  expect([field.getAttribute('aria-invalid'), (field as HTMLInputElement).value]).toEqual(['true', 'a']);
  expect(screen.getByRole('alert').textContent).toContain('No.');
  expect(closed).not.toHaveBeenCalled();
});
