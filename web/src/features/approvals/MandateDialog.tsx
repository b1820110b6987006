import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentQuery, agentsQuery } from '../../api/agents';
import { giveMandate, type MandateProposal, type Approval } from '../../api/approvals';
import { said } from '../../i18n/said';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Inline } from '../../ui/Feedback';
import { SelectField, TextArea, TextField } from '../../ui/Field';
import { DecimalField } from '../../ui/form/controls';
import { toast } from '../../ui/toast';
import { Words } from '../../ui/Words';
import css from './Mandates.module.css';

const inDays = (days: number) => new Date(Date.now() + days * 864e5).toISOString().slice(0, 10);

/** A pre-approval: for whom, how often, how much, until when, why. Every limit is set, none is assumed. */
export function MandateDialog({ proposal, like, onClose }: { proposal?: MandateProposal; like?: Approval; onClose: () => void }) {
  const { t } = useTranslation();
  const agents = useQuery(agentsQuery).data ?? [];
  const amount = like?.arguments.find((each) => each.emphasis && /^\d+(\.\d+)?$/.test(String(each.value)));
  const currency = proposal?.currency ?? String(like?.arguments.find((each) => each.path === 'currency')?.value ?? '');
  const [agent, setAgent] = useState(proposal?.agent ?? like?.agent ?? '');
  const [tool, setTool] = useState(proposal?.tool ?? like?.tool ?? '');
  const tools = useQuery({ ...agentQuery(agent), enabled: agent !== '' }).data?.tools.filter((each) => each.effect !== 'read') ?? [];
  const [calls, setCalls] = useState(String(proposal?.calls ?? 10));
  const [field, setField] = useState(proposal?.field ?? amount?.path ?? '');
  const [total, setTotal] = useState(proposal?.total ?? '');
  const [each, setEach] = useState(proposal?.each ?? (amount ? String(amount.value) : ''));
  const [until, setUntil] = useState(inDays(proposal?.days ?? 30));
  const [reason, setReason] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const ready = agent && tool && Number(calls) > 0 && until && reason.trim();
  const go = async () => {
    setBusy(true);
    try {
      await giveMandate({
        agent, tool, calls: Number(calls), field, total, each, currency, until: new Date(`${until}T23:59:59`).toISOString(), reason: reason.trim(), proposal: proposal?.id ?? '',
      });
      toast(t('mandates.given'));
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t('mandates.give')} width={580} footer={
      <>
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button look="primary" busy={busy} disabled={!ready} onClick={() => void go()}>{t('mandates.give')}</Button>
      </>
    }>
      <div className={css.fields}>
        <p className="sm ink2">{proposal ? <Words text={proposal.sentence} /> : (like ? t('mandates.like', { what: said(like) }) : t('mandates.noneText'))}</p>
        <div className={css.two}>
          <SelectField label={t('mandates.agent')} required empty="" options={agents.map((each) => ({ value: each.name, label: each.title }))} value={agent} onChange={(event) => { setAgent(event.target.value); setTool(''); }} />
          <SelectField label={t('mandates.tool')} required empty="" options={(tools.length ? tools.map((each) => each.name) : tool ? [tool] : []).map((name) => ({ value: name, label: name }))} value={tool} onChange={(event) => setTool(event.target.value)} />
          <TextField label={t('mandates.maxCalls')} required type="number" min={1} max={10_000} value={calls} onChange={(event) => setCalls(event.target.value)} />
          <TextField label={t('mandates.untilLabel')} required type="date" min={inDays(0)} value={until} onChange={(event) => setUntil(event.target.value)} />
          <TextField label={t('mandates.field')} hint={t('mandates.fieldHint')} spellCheck={false} value={field} onChange={(event) => setField(event.target.value)} />
          <DecimalField label={t('mandates.each')} unit={currency || undefined} value={each} onChange={(value) => setEach(String(value))} />
          <DecimalField label={t('mandates.totalLabel')} unit={currency || undefined} value={total} onChange={(value) => setTotal(String(value))} />
        </div>
        <TextArea label={t('approvals.reason')} required maxLength={2000} value={reason} onChange={(event) => setReason(event.target.value)} />
        <Inline error={error} />
      </div>
    </Dialog>
  );
}
