import { FileArchive, Pause, Play, RotateCcw, Square } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { evidenceUrl, pauseRun, resumeRun, stopRun, type Run } from '../../api/runs';
import { useMay } from '../../app/session';
import { Button, ButtonLink } from '../../ui/Button';
import look from '../../ui/Button.module.css';
import { Dialog } from '../../ui/Dialog';
import { Inline } from '../../ui/Feedback';
import { CheckField, TextArea } from '../../ui/Field';
import { toastProblem } from '../../ui/problem';
import { RetryDialog } from './RetryDialog';
import { isOpen } from './words';

export function RunActions({ run }: { run: Run }) {
  const { t } = useTranslation();
  const may = useMay();
  const [steering, setSteering] = useState<'stop' | 'pause' | null>(null);
  const [retrying, setRetrying] = useState(false);
  const [busy, setBusy] = useState(false);
  const act = async (what: () => Promise<unknown>) => {
    setBusy(true);
    try {
      await what();
    } catch (problem) {
      toastProblem(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      {may('export_log') && <a className={look.button} href={evidenceUrl(run.id)} download title={t('run.evidenceText')}><FileArchive size={14} aria-hidden /><span>{t('run.evidence')}</span></a>}
      {run.may.includes('retry') && <Button icon={<RotateCcw size={14} aria-hidden />} onClick={() => setRetrying(true)}>{t('run.retry')}</Button>}
      {run.may.includes('resume') && <Button look="primary" busy={busy} icon={<Play size={14} aria-hidden />} onClick={() => void act(() => resumeRun(run.id))}>{t('run.resume')}</Button>}
      {run.may.includes('pause') && <Button icon={<Pause size={14} aria-hidden />} onClick={() => setSteering('pause')}>{t('run.pause')}</Button>}
      {run.may.includes('stop') && <Button look="deny" icon={<Square size={13} aria-hidden />} onClick={() => setSteering('stop')}>{t('run.stop')}</Button>}
      {!isOpen(run.state) && <ButtonLink to="/start/$agent" params={{ agent: run.agent }} icon={<Play size={14} aria-hidden />}>{t('run.again')}</ButtonLink>}
      {retrying && <RetryDialog run={run} onClose={() => setRetrying(false)} />}
      {steering && <SteerDialog run={run} pause={steering === 'pause'} onClose={() => setSteering(null)} />}
    </>
  );
}

/** Stops or pauses the run, with the reason that the log keeps. */
function SteerDialog({ run, pause, onClose }: { run: Run; pause: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const [reason, setReason] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [hard, setHard] = useState(false);
  const [busy, setBusy] = useState(false);
  const go = async () => {
    setBusy(true);
    try {
      await (pause ? pauseRun(run.id, reason.trim()) : stopRun(run.id, reason.trim(), hard));
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t(pause ? 'run.pauseTitle' : 'run.stopTitle')} footer={
      <>
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button look={pause ? 'primary' : 'danger'} busy={busy} disabled={!reason.trim()} onClick={() => void go()} icon={pause ? <Pause size={13} aria-hidden /> : <Square size={13} aria-hidden />}>{t(pause ? 'run.pauseGo' : 'run.stopGo')}</Button>
      </>
    }>
      <div className="col">
        <p className="sm ink2">{t(pause ? 'run.pauseText' : 'run.stopText')}</p>
        <TextArea autoFocus label={t('run.stopReason')} required maxLength={500} value={reason} onChange={(event) => setReason(event.target.value)} />
        {!pause && (run.held_up || run.state === 'stopping') && <CheckField label={t('run.stopHard')} hint={t('run.stopHardText')} checked={hard} onChange={(event) => setHard(event.target.checked)} />}
        <Inline error={error} />
      </div>
    </Dialog>
  );
}
