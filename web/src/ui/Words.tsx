import i18n from 'i18next';
import { translated } from '../i18n/sentences';

/** A sentence of the server's: in the viewer's language where it is known, else as it stands, marked as English. */
export function Words({ text }: { text: string }) {
  const own = translated(text);
  if (own || i18n.language === 'en') return <>{own ?? text}</>;
  return <span lang="en">{text}</span>;
}
