import i18n from 'i18next';
import { Problem } from '../api/problem';
import { translated } from '../i18n/sentences';
import { toast } from './toast';

/** What went wrong, in the viewer's language; `detail` quotes the server where its sentence is not known in it. */
export type Told = { title: string; detail: string };

/** The server's sentence where it is translated; else by the code of the error, which is stable, with the sentence beside it. */
export function inWords(code: string, sentence: string): Told {
  const whole = translated(sentence);
  if (whole) return { title: whole, detail: '' };
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
