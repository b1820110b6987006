/** Colours of the log's chart and chips: what was simply allowed is quiet, exceptions stand out. */
export const COLOURS: Record<string, string> = {
  allow: 'var(--bar-quiet)', ask: 'var(--ask-solid)', deny: 'var(--deny-solid)', rejected: 'var(--deny-solid)',
  failed: 'var(--fault-solid)', in_doubt: 'var(--fault-solid)',
};

export const SERIES = ['deny', 'ask', 'allow'] as const;
