import i18n from 'i18next';
import type { AgentTool } from '../../api/agents';
import type { RunState, Step } from '../../api/runs';
import { said } from '../../i18n/said';

export const OPEN: readonly RunState[] = ['starting', 'running', 'waiting', 'stopping'];
export const STATES: readonly RunState[] = ['running', 'waiting', 'succeeded', 'failed', 'stopped'];

export const isOpen = (state: RunState) => OPEN.includes(state);

/** A visit of a node, not a note that its author wrote. */
export const isVisit = (step: Pick<Step, 'kind' | 'message_id'>) => step.kind === 'node' && step.message_id !== 'note';

/** "Refund {amount} for order {order}" with the arguments of a call; null where one of them is not known or not shown. */
export function fill(template: string, values: Readonly<Record<string, unknown>> | null | undefined): string | null {
  let whole = true;
  const text = template.replaceAll(/\{(\w+)(?:[^}]*)\}/g, (_, name: string) => {
    const value = values?.[name];
    if (value === undefined || value === null || typeof value === 'object' || value === '•••') whole = false;
    return String(value);
  });
  return whole ? text : null;
}

/** A step as a person would say it: a tool call by its sentence or by what the tool does, the rest as the server says. */
export function inWords(step: Step, tools: readonly AgentTool[]): string {
  const tool = step.kind === 'tool' ? tools.find((each) => each.name === step.tool) : undefined;
  if (tool && i18n.language === 'en') {
    const sentence = tool.says ? fill(tool.says, step.arguments) : null;
    const first = tool.description.split(/(?<=[.。])\s/)[0]?.replace(/[.。]$/, '');
    if (sentence ?? first) return sentence ?? first!;
  }
  return said({ sentence: step.title, message_id: step.message_id, parameters: step.parameters });
}
