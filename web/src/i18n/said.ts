import i18n from 'i18next';
import { worded } from './sentences';

/** What the server says for people: a sentence, sentences by language, or a message to translate. */
type Said = { sentence?: string; sentences?: Record<string, string>; message_id?: string; parameters?: Record<string, unknown> };

/** It in the viewer's language where somebody wrote it so, else as the server wrote it. */
export function said({ sentence = '', sentences, message_id: id, parameters }: Said): string {
  const own = sentences?.[i18n.language];
  if (own) return own;
  if (id) {
    const key = `message.${id.replaceAll('.', '_')}`;
    if (i18n.exists(key)) return i18n.t(key, parameters);
  }
  return worded(sentence || sentences?.['en'] || '');
}

/** Text by language, as policies and tools keep it. */
export const inLanguage = (texts: Record<string, string>): string => texts[i18n.language] || texts['en'] || '';
