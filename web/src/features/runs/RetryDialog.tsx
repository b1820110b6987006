import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { RotateCcw } from 'lucide-react';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentQuery } from '../../api/agents';
import { retryRun, retryStepsQuery, type Run } from '../../api/runs';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Inline, SkeletonRows } from '../../ui/Feedback';
import { Words } from '../../ui/Words';
import css from './RetryDialog.module.css';

/** Take a run up again: at a step, where what took effect is not done again, or from its input. `from` is a node. */
export function RetryDialog({ run, from = '', onClose }: { run: Run; from?: string; onClose: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const name = useId();
  const steps = useQuery(retryStepsQuery(run.id));
  const nodes = useQuery(agentQuery(run.agent)).data?.graph.nodes ?? [];
  const [chosen, setChosen] = useState(from);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const label = (node: string) => nodes.find((each) => each.id === node)?.label ?? node;
  const offered = steps.data?.steps ?? [];
  const wanted = offered.find((step) => step.nodes[0] === chosen);
  const go = async () => {
    setBusy(true);
    try {
      const retried = await retryRun(run.id, chosen);
      onClose();
      await navigate({ to: '/runs/$run', params: { run: retried.id } });
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t('run.retryTitle')} footer={
      <>
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button look="primary" busy={busy} disabled={chosen !== '' && (!wanted || wanted.refused !== '')} onClick={() => void go()} icon={<RotateCcw size={14} aria-hidden />}>{t('run.retry')}</Button>
      </>
    }>
      <div className="col">
        <p className="sm ink2">{t('run.retryText')}</p>
        {steps.isPending ? <SkeletonRows rows={3} /> : (
          <fieldset className={css.steps}>
            <legend className="heading">{t('run.retryFrom')}</legend>
            {offered.map((step) => (
              <label key={step.number} className={css.step} data-off={step.refused !== '' || undefined}>
                <input type="radio" name={name} value={step.nodes[0]} checked={chosen === step.nodes[0]} disabled={step.refused !== ''} onChange={() => setChosen(step.nodes[0]!)} />
                <span><span className="med">{step.nodes.map(label).join(', ')}</span>{step.refused && <span className="xs muted"><Words text={step.refused} /></span>}</span>
              </label>
            ))}
            <label className={css.step}>
              <input type="radio" name={name} value="" checked={chosen === ''} onChange={() => setChosen('')} />
              <span><span className="med">{t('run.retryInput')}</span><span className="xs muted">{t('run.retryInputText')}</span></span>
            </label>
          </fieldset>
        )}
        {steps.data?.refused && <p className="sm ink2"><Words text={steps.data.refused} /></p>}
        <Inline error={steps.error ?? error} />
      </div>
    </Dialog>
  );
}
