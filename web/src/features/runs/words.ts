import i18n from 'i18next';
import type { AgentTool } from '../../api/agents';
import type { PersonTask, RunState, Step, Waiting } from '../../api/runs';
import { said } from '../../i18n/said';
import { money } from '../../ui/format';

const HIDDEN = '•••';
const PLACE = /\{(\w+)(?::([^}]*))?\}/g;

export const OPEN: readonly RunState[] = ['starting', 'running', 'waiting', 'paused', 'stopping'];
export const STATES: readonly RunState[] = ['running', 'waiting', 'paused', 'succeeded', 'failed', 'stopped'];

export const isOpen = (state: RunState) => OPEN.includes(state);

/** A visit of a node, not a note that its author wrote. */
export const isVisit = (step: Pick<Step, 'kind' | 'message_id'>) => step.kind === 'node' && step.message_id !== 'note';

type Values = Readonly<Record<string, unknown>> | null | undefined;

/** A value as text; null where it is not known, not shown or not a word. Money is written with its currency. */
function written(values: Values, name: string, format: string): string | null {
  const value = values?.[name];
  if (value === undefined || value === null || typeof value === 'object' || value === HIDDEN) return null;
  const [kind, currencyFrom = ''] = format.split(' ');
  const currency = values?.[currencyFrom];
  return kind === 'money' && typeof currency === 'string' ? money(String(value), currency) : String(value);
}

/** "Refund {amount:money currency} for order {order}" with the arguments of a call; null where one is not known or not shown. */
export function fill(template: string, values: Values): string | null {
  let whole = true;
  const text = template.replaceAll(PLACE, (_, name: string, format = '') => written(values, name, format) ?? ((whole = false), ''));
  return whole ? text : null;
}

/** The template with an ellipsis in place of what is not known or not shown. */
export const outline = (template: string, values: Values) => template.replaceAll(PLACE, (_, name: string, format = '') => written(values, name, format) ?? '…');

/** A step as a person would say it: a tool call by its sentence or by what the tool does, the rest as the server says. */
export function inWords(step: Step, tools: readonly AgentTool[]): string {
  const tool = step.kind === 'tool' ? tools.find((each) => each.name === step.tool) : undefined;
  if (tool) {
    const chinese = i18n.language === 'zh';
    const says = chinese ? tool.says_zh : tool.says;
    const whole = says ? fill(says, step.arguments) : null;
    const described = chinese ? '' : tool.description.split(/(?<=[.。])\s/)[0]?.replace(/[.。]$/, '');
    const text = whole || described || (says && outline(says, step.arguments));
    if (text) return text;
  }
  const own = step.message_id === 'note' && i18n.language === 'zh' ? step.parameters?.['zh'] : undefined; // as its author wrote it
  if (typeof own === 'string' && own !== HIDDEN) return own;
  return said({ sentence: step.title, message_id: step.message_id, parameters: step.parameters });
}

/** A question as its agent asks it, in Chinese where its form has it so. */
export const asked = (task: Pick<PersonTask, 'question' | 'title' | 'answer_schema'>): string =>
  (i18n.language === 'zh' && (task.answer_schema['x-zh'] as { description?: string } | undefined)?.description) || task.question || task.title;

/** Whom or what a run waits for: an approval by the sentence of its call; a question as the agent asked it. */
export function waitingInWords(waiting: Waiting, steps: readonly Step[] = [], tools: readonly AgentTool[] = []): string {
  const asking = waiting.kind === 'approval' ? steps.find((step) => step.approval === waiting.id) : undefined;
  if (i18n.language !== 'zh' || waiting.kind === 'task') return waiting.sentence;
  return asking ? inWords(asking, tools) : i18n.t(`waits.${waiting.kind}`);
}
