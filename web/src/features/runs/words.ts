import type { RunState } from '../../api/runs';

export const OPEN: readonly RunState[] = ['starting', 'running', 'waiting', 'stopping'];
export const STATES: readonly RunState[] = ['running', 'waiting', 'succeeded', 'failed', 'stopped'];

export const isOpen = (state: RunState) => OPEN.includes(state);
