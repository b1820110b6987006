import i18n from 'i18next';
import { Problem } from '../api/problem';
import { toast } from './toast';

/** What went wrong: `title` in the viewer's language, `detail` as the server says it where that is another one. */
export type Told = { title: string; detail: string };

/** By the code of the error, which is stable; the server's sentence, which says more, is English. */
export function inWords(code: string, sentence: string): Told {
  const kind = code.replaceAll('-', '_');
  const own = i18n.exists(`problem.${kind}`) ? i18n.t(`problem.${kind}`) : '';
  if (i18n.language === 'en' || !own) return { title: sentence || own, detail: '' };
  return { title: own, detail: sentence };
}

export const told = (error: unknown): Told => inWords(error instanceof Problem ? error.code : '', error instanceof Error ? error.message : String(error));

/** Say shortly that an act did not succeed, and why. */
export function toastProblem(error: unknown): void {
  const { title, detail } = told(error);
  toast([title, detail].filter(Boolean).join(' · '), 'failed');
}
