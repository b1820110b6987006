import { FileArchive, Play, RotateCcw, Square } from 'lucide-react';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { evidenceUrl, retryRun, stopRun, type Run } from '../../api/runs';
import { useMay } from '../../app/session';
import { Button, ButtonLink } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Inline } from '../../ui/Feedback';
import { TextArea } from '../../ui/Field';
import { toast } from '../../ui/toast';
import look from '../../ui/Button.module.css';
import { isOpen } from './words';

export function RunActions({ run }: { run: Run }) {
  const { t } = useTranslation();
  const may = useMay();
  const navigate = useNavigate();
  const [stopping, setStopping] = useState(false);
  const [busy, setBusy] = useState(false);
  const retry = async () => {
    setBusy(true);
    try {
      const next = await retryRun(run.id);
      await navigate({ to: '/runs/$run', params: { run: next.id } });
    } catch (problem) {
      toast(problem instanceof Error ? problem.message : String(problem), 'failed');
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      {may('export_log') && <a className={look.button} href={evidenceUrl(run.id)} download title={t('run.evidenceText')}><FileArchive size={14} aria-hidden /><span>{t('run.evidence')}</span></a>}
      {run.may.includes('retry') && <Button busy={busy} icon={<RotateCcw size={14} aria-hidden />} onClick={() => void retry()}>{t('run.retry')}</Button>}
      {run.may.includes('stop') && <Button look="deny" icon={<Square size={13} aria-hidden />} onClick={() => setStopping(true)}>{t('run.stop')}</Button>}
      {!isOpen(run.state) && <ButtonLink to="/start/$agent" params={{ agent: run.agent }} icon={<Play size={14} aria-hidden />}>{t('run.again')}</ButtonLink>}
      {stopping && <StopRunDialog run={run} onClose={() => setStopping(false)} />}
    </>
  );
}

function StopRunDialog({ run, onClose }: { run: Run; onClose: () => void }) {
  const { t } = useTranslation();
  const [reason, setReason] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const go = async () => {
    setBusy(true);
    try {
      await stopRun(run.id, reason.trim());
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t('run.stopTitle')} footer={
      <>
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button look="danger" busy={busy} disabled={!reason.trim()} onClick={() => void go()} icon={<Square size={13} aria-hidden />}>{t('run.stopGo')}</Button>
      </>
    }>
      <div className="col">
        <p className="sm ink2">{t('run.stopText')}</p>
        <TextArea autoFocus label={t('run.stopReason')} required maxLength={500} value={reason} onChange={(event) => setReason(event.target.value)} />
        <Inline error={error} />
      </div>
    </Dialog>
  );
}
