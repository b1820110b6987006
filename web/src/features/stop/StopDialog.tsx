import { useQuery } from '@tanstack/react-query';
import { OctagonX } from 'lucide-react';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { agentsQuery } from '../../api/agents';
import { connectorsQuery, toolsQuery } from '../../api/connectors';
import { freeze, type FreezeScope } from '../../api/risk';
import { useMay, useMe } from '../../app/session';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Inline } from '../../ui/Feedback';
import { Segmented, SelectField, TextArea, TextField } from '../../ui/Field';
import { toast } from '../../ui/toast';
import { InFlight } from './InFlight';
import css from './Stop.module.css';

type StopDialogProps = { onClose: () => void; scope?: FreezeScope; name?: string };

/** The big red stop: what, why, and the word typed out; beside it what is in flight and will only be settled. */
export default function StopDialog({ onClose, scope: firstScope = 'agent', name: firstName = '' }: StopDialogProps) {
  const { t } = useTranslation();
  const me = useMe();
  const may = useMay();
  const [scope, setScope] = useState<FreezeScope>(firstScope);
  const [name, setName] = useState(firstName);
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const agents = useQuery(agentsQuery).data ?? [];
  const connectors = useQuery({ ...connectorsQuery, enabled: may('read_connectors') }).data ?? [];
  const tools = useQuery({ ...toolsQuery, enabled: may('read_connectors') }).data ?? [];
  const names = {
    agent: agents.map((agent) => ({ value: `agent:${agent.name}`, label: agent.title })),
    connector: connectors.map((connector) => ({ value: connector.name, label: connector.title })),
    tool: tools.map((tool) => ({ value: tool.name, label: tool.name })),
    tenant: [],
  }[scope];
  const word = scope === 'tenant' ? me.tenant : name.replace(/^agent:/, '');
  const ready = reason.trim() !== '' && word !== '' && typed.trim() === word;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!ready) return;
    setBusy(true);
    setError(null);
    try {
      await freeze({ scope, name: scope === 'tenant' ? '' : name, reason: reason.trim() });
      toast(t('stop.done'), 'frozen');
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} width={620} title={<span className={css.title}><OctagonX size={18} aria-hidden />{t('stop.title')}</span>}>
      <form id="stop" className={css.form} onSubmit={(event) => void submit(event)}>
        <p className="sm ink2">{t('stop.text')}</p>
        <Segmented<FreezeScope> label={t('stop.scope')} value={scope} onChange={(next) => { setScope(next); setName(''); setTyped(''); }}
          options={(['agent', 'tool', 'connector', 'tenant'] as const).map((value) => ({ value, label: t(`stop.scopes.${value}`) }))} />
        {scope !== 'tenant' && (
          <SelectField label={t(`stop.which.${scope}`)} required empty={t('stop.choose')} options={names} value={name} onChange={(event) => { setName(event.target.value); setTyped(''); }} />
        )}
        <TextArea label={t('stop.reason')} hint={t('stop.reasonHint')} required maxLength={500} value={reason} onChange={(event) => setReason(event.target.value)} />
        {word && may('read_runs') && <InFlight scope={scope} name={name} />}
        {word && <TextField label={t('stop.type', { word })} autoComplete="off" spellCheck={false} value={typed} onChange={(event) => setTyped(event.target.value)} />}
        <Inline error={error} />
        <div className={css.buttons}>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button look="danger" type="submit" busy={busy} disabled={!ready} icon={<OctagonX size={15} aria-hidden />}>{t(`stop.go.${scope}`)}</Button>
        </div>
      </form>
    </Dialog>
  );
}
