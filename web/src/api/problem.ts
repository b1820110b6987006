/** The server's RFC 9457 problem as an error: for people to read and for fields to find. */
import type { components } from './schema';

export type FieldProblem = components['schemas']['FieldProblem'];

export class Problem extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string = '',
    readonly wayOut: string = '',
    readonly fields: FieldProblem[] = [],
    readonly instance: string = '',
  ) {
    super(message);
    this.name = 'Problem';
  }

  static from(status: number, body: unknown): Problem {
    const problem = (body && typeof body === 'object' ? body : {}) as Partial<components['schemas']['Problem']>;
    const code = problem.type?.replace('urn:chargehand:', '') ?? '';
    return new Problem(problem.detail ?? problem.title ?? `HTTP ${status}`, status, code, problem.way_out ?? '', problem.errors ?? [], problem.instance ?? '');
  }
}
