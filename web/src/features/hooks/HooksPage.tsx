import { useQuery } from '@tanstack/react-query';
import { Ellipsis, KeyRound, ListTree, Pause, Pencil, Play, Plus, Webhook } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentsQuery } from '../../api/agents';
import { changeHook, hooksQuery, rotateHook, turnHook, type Hook, type HookWithSecret } from '../../api/hooks';
import { useMay } from '../../app/session';
import { Button, IconButton } from '../../ui/Button';
import { Empty, Failed, SkeletonRows } from '../../ui/Feedback';
import { humanize } from '../../ui/format';
import { Menu } from '../../ui/Menu';
import { Page } from '../../ui/Page';
import { Person } from '../../ui/Person';
import { toastProblem } from '../../ui/problem';
import { State } from '../../ui/State';
import { Table } from '../../ui/Table';
import { Deliveries } from './Deliveries';
import { EditDialog } from './EditDialog';
import css from './Hooks.module.css';
import { Intakes } from './Intakes';
import { NewHookDialog } from './NewHookDialog';
import { SecretDialog } from './SecretDialog';

const GRACE_HOURS = 24;

/** Doors for other systems: what a sender signs starts one agent, on behalf of one principal. */
export function HooksPage() {
  const { t } = useTranslation();
  const hooks = useQuery(hooksQuery);
  const may = useMay();
  const [making, setMaking] = useState(false);
  const [secret, setSecret] = useState<HookWithSecret | null>(null);
  const [editing, setEditing] = useState<Hook | null>(null);
  const [looking, setLooking] = useState<Hook | null>(null);
  const add = may('manage_hooks') && <Button look="primary" icon={<Plus size={14} aria-hidden />} onClick={() => setMaking(true)}>{t('hooks.new')}</Button>;
  return (
    <Page name={t('nav.hooks')} title={t('nav.hooks')} actions={add}>
      {hooks.isError ? <Failed error={hooks.error} onRetry={() => void hooks.refetch()} />
        : hooks.isPending ? <SkeletonRows rows={4} />
        : hooks.data.length === 0 ? <Empty icon={Webhook} title={t('hooks.none')} text={t('hooks.noneText')}>{add}</Empty>
        : <HookTable rows={hooks.data} onSecret={setSecret} onEdit={setEditing} onLook={setLooking} />}
      <Intakes />
      {making && <NewHookDialog onClose={() => setMaking(false)} onMade={(made) => { setMaking(false); setSecret(made); }} />}
      {editing && <EditDialog of={editing} text={t('hooks.editText')} save={(change) => changeHook(editing.id, change)} onClose={() => setEditing(null)} />}
      {secret && <SecretDialog hook={secret} onClose={() => setSecret(null)} />}
      {looking && <Deliveries hook={looking} onClose={() => setLooking(null)} />}
    </Page>
  );
}

type HookTableProps = { rows: Hook[]; onSecret: (hook: HookWithSecret) => void; onEdit: (hook: Hook) => void; onLook: (hook: Hook) => void };

function HookTable({ rows, onSecret, onEdit, onLook }: HookTableProps) {
  const { t } = useTranslation();
  const agents = useQuery(agentsQuery).data ?? [];
  const act = async (what: () => Promise<unknown>) => {
    try {
      await what();
    } catch (problem) {
      toastProblem(problem);
    }
  };
  return (
    <Table<Hook> flush label={t('nav.hooks')} rows={rows} rowKey={(hook) => hook.id} columns={[
      { id: 'name', head: t('hooks.name'), main: true, cell: (hook) => <span className={css.what}><span>{hook.name}</span><code className="mono xs muted break">{hook.path}</code></span> },
      { id: 'agent', head: t('hooks.starts'), cell: (hook) => agents.find((agent) => agent.name === hook.agent)?.title ?? humanize(hook.agent) },
      { id: 'who', head: t('hooks.behalf'), wide: true, cell: (hook) => <Person id={hook.principal} name={hook.principal_name} small /> },
      { id: 'state', head: t('runs.state'), cell: (hook) => <State name={hook.state} quiet={hook.state === 'active'} /> },
      { id: 'acts', head: t('common.more'), hideHead: true, end: true, cell: (hook) => (
        <Menu label={hook.name} trigger={(props) => <IconButton label={t('hooks.acts', { what: hook.name })} {...props}><Ellipsis size={16} aria-hidden /></IconButton>} items={[
          { label: t('hooks.deliveries'), icon: <ListTree />, onSelect: () => onLook(hook) },
          ...(hook.i_may_edit ? [{ label: t('schedules.edit'), icon: <Pencil />, onSelect: () => onEdit(hook) }] : []),
          { label: t('hooks.rotate', { count: GRACE_HOURS }), icon: <KeyRound />, onSelect: () => void act(async () => onSecret(await rotateHook(hook.id, GRACE_HOURS))) },
          hook.state === 'active'
            ? { label: t('hooks.disable'), icon: <Pause />, danger: true, onSelect: () => void act(() => turnHook(hook.id, false)) }
            : { label: t('hooks.enable'), icon: <Play />, onSelect: () => void act(() => turnHook(hook.id, true)) },
        ]} />
      ) },
    ]} />
  );
}
