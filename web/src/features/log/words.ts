import i18n from 'i18next';
import type { RecordRow } from '../../api/log';
import { said } from '../../i18n/said';
import { humanize } from '../../ui/format';

/** What a record says of itself in one line: its sentence, its event in words, or what kind it is. */
export function recordInWords(row: RecordRow | undefined, kind: string): string {
  const event = row && /^[a-z_ ]+$/.test(row.sentence) ? row.sentence.replaceAll(' ', '_') : '';
  if (event && i18n.exists(`log.event.${event}`)) return i18n.t(`log.event.${event}`);
  return (row && said(row)) || i18n.t(`log.kinds.${kind}`, { defaultValue: humanize(kind) });
}
