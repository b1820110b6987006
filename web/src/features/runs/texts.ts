import { skipToken, useQuery } from '@tanstack/react-query';
import { queries } from '../../api/client';
import { runKeys, type RunText, type Step } from '../../api/runs';

/** What a model has written so far. `length` counts characters (code points), as the server does. */
export type Said = { attempt: number; text: string; length: number; leftOut: number };

/** By the position of the model call. */
export type Texts = Readonly<Record<number, Said>>;

const NOTHING: Texts = {};

/** The next piece: what is known already is not said twice, a new attempt begins anew, what does not join on is left. */
export function addPiece(texts: Texts, piece: RunText): Texts {
  const known = texts[piece.position];
  if (piece.text === null || (known && piece.attempt < known.attempt)) return texts;
  const said = known?.attempt === piece.attempt ? known : { attempt: piece.attempt, text: '', length: 0, leftOut: 0 };
  if (piece.offset > said.length) return texts;
  const fresh = Array.from(piece.text).slice(said.length - piece.offset);
  if (said === known && fresh.length === 0 && piece.left_out <= said.leftOut) return texts;
  return {
    ...texts,
    [piece.position]: { attempt: piece.attempt, text: said.text + fresh.join(''), length: said.length + fresh.length, leftOut: Math.max(said.leftOut, piece.left_out) },
  };
}

export function applyText(piece: RunText): void {
  queries.setQueryData<Texts>(runKeys.texts(piece.run), (texts = NOTHING) => addPiece(texts, piece));
}

/** Whichever says more: what came with the story, or what the stream has told since. */
export function newest(told: Said | undefined, kept: Step['text']): Said | null {
  if (!kept) return told ?? null;
  const length = Array.from(kept.text).length;
  if (told && (told.attempt > kept.attempt || (told.attempt === kept.attempt && told.length >= length))) return told;
  return { attempt: kept.attempt, text: kept.text, length, leftOut: kept.left_out };
}

/** The text of a step, as far as it is written. */
export function useText(run: string, step: Step): Said | null {
  const position = step.position;
  const told = useQuery({ queryKey: runKeys.texts(run), queryFn: skipToken, staleTime: Infinity, select: (texts: Texts) => (position == null ? undefined : texts[position]) }).data;
  return newest(told, step.text);
}
