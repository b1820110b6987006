import { useQuery } from '@tanstack/react-query';
import { Download, FileArchive, FileDown, FileSpreadsheet } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { cancelExport, exportsQuery, exportUrl, startExport, type Export } from '../../api/log';
import { Button } from '../../ui/Button';
import look from '../../ui/Button.module.css';
import { Dialog } from '../../ui/Dialog';
import { Inline, SkeletonRows } from '../../ui/Feedback';
import { Segmented } from '../../ui/Field';
import { number } from '../../ui/format';
import { State } from '../../ui/State';
import { Time } from '../../ui/Time';
import css from './Export.module.css';

const FORMATS: Export['format'][] = ['csv', 'jsonl', 'parquet', 'ocsf', 'evidence'];

/** Export what the filter finds: started, followed, downloaded; each export is itself a record. */
export function ExportMenu({ q }: { q: string }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button icon={<Download size={15} aria-hidden />} onClick={() => setOpen(true)}>{t('log.export')}</Button>
      {open && <ExportDialog q={q} onClose={() => setOpen(false)} />}
    </>
  );
}

function ExportDialog({ q, onClose }: { q: string; onClose: () => void }) {
  const { t } = useTranslation();
  const [format, setFormat] = useState<Export['format']>('csv');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const exports = useQuery(exportsQuery);
  const go = async () => {
    setBusy(true);
    setError(null);
    try {
      await startExport(format, q);
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} width={620} title={t('log.export')}>
      <div className={css.dialog}>
        <p className="sm ink2">{q ? t('log.exportFilter') : t('log.exportAll')} {q && <code className="mono break">{q}</code>}</p>
        <Segmented label={t('log.format')} value={format} onChange={setFormat} options={FORMATS.map((value) => ({ value, label: t(`log.formats.${value}`) }))} />
        <p className="xs muted">{t(`log.formatText.${format}`)}</p>
        <Inline error={error} />
        <div><Button look="primary" busy={busy} onClick={() => void go()} icon={format === 'evidence' ? <FileArchive size={15} aria-hidden /> : <FileSpreadsheet size={15} aria-hidden />}>{t('log.exportGo')}</Button></div>
        <section className={css.list} aria-label={t('log.exports')} aria-live="polite">
          {exports.isPending ? <SkeletonRows rows={2} /> : exports.data?.slice(0, 8).map((each) => <Line key={each.id} each={each} />)}
        </section>
      </div>
    </Dialog>
  );
}

function Line({ each }: { each: Export }) {
  const { t } = useTranslation();
  const share = each.total ? each.records / each.total : 0;
  return (
    <div className={css.line}>
      <div className="grow">
        <p className="sm row"><span className="med">{t(`log.formats.${each.format}`)}</span><span className="muted trunc mono">{each.query}</span></p>
        <p className="xs muted"><Time at={each.requested_at} as="relative" /> · {t('log.exported', { n: number(each.records) })}{each.failure && ` · ${each.failure}`}</p>
        {each.state === 'running' && <progress className={css.progress} value={each.total ? share : undefined} max={1} aria-label={t('log.progress')} />}
      </div>
      {each.state === 'running' ? <Button small onClick={() => void cancelExport(each.id)}>{t('common.cancel')}</Button>
        : each.state === 'done' ? <a className={look.button} data-small href={exportUrl(each.id)} download><FileDown size={14} aria-hidden /><span>{t('log.download')}</span></a>
        : <State name={each.state} />}
    </div>
  );
}
