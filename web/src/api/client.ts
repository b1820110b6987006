/** The generated client: paths and types come from the API's OpenAPI document, errors come out as `Problem`. */
import { QueryClient } from '@tanstack/react-query';
import createClient from 'openapi-fetch';
import { Problem } from './problem';
import type { components, paths } from './schema';

export type Schemas = components['schemas'];

/** The header is not simple, so another site can't send it without a preflight that the server never grants. */
export const http = createClient<paths>({
  baseUrl: '',
  headers: { 'x-chargehand': '1' },
  querySerializer: { array: { style: 'form', explode: true } },
});

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** The data of an answer. Raises Problem with the server's words, or with status 0 when there was no answer. */
export async function must<T>(request: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await request;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Problem(error instanceof Error ? error.message : String(error), 0);
  }
  if (answer.response.ok) return answer.data as T;
  const problem = Problem.from(answer.response.status, answer.error);
  if (problem.status === 401) dispatchEvent(new CustomEvent('chargehand:signed-out'));
  throw problem;
}

const worthRetrying = (error: Error) => !(error instanceof Problem) || error.status === 0 || error.status >= 500;

export const queries = new QueryClient({
  defaultOptions: {
    queries: { staleTime: 15_000, retry: (count, error) => count < 2 && worthRetrying(error), refetchOnWindowFocus: true },
  },
});
