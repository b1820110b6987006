import { ChevronRight, CircleAlert, Clock, Ellipsis, Stamp, TriangleAlert, Undo2, UserRoundPlus, X } from 'lucide-react';
import { Link } from '@tanstack/react-router';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentsQuery } from '../../api/agents';
import type { Approval } from '../../api/approvals';
import { useMay, useMe } from '../../app/session';
import { said } from '../../i18n/said';
import { IconButton } from '../../ui/Button';
import { humanize, relative } from '../../ui/format';
import { Menu } from '../../ui/Menu';
import { Pill, State } from '../../ui/State';
import { useNow } from '../../ui/useNow';
import { DelegateDialog } from './DelegateDialog';
import css from './Detail.module.css';
import { iconOfTool, toneOfRisk } from './look';
import { MandateDialog } from './MandateDialog';
import { WithdrawDialog } from './WithdrawDialog';

/** First: what, how much, for whom. Second: how risky, whether it can be undone, until when. */
export function Head({ approval }: { approval: Approval }) {
  const { t } = useTranslation();
  const me = useMe();
  const now = useNow(15_000);
  const [dialog, setDialog] = useState<'delegate' | 'mandate' | 'withdraw' | null>(null);
  const Icon = iconOfTool(approval.tool);
  const may = useMay();
  const agent = useQuery(agentsQuery).data?.find((each) => each.name === approval.agent);
  const open = approval.state === 'pending';
  const items = [
    ...(approval.i_may_answer && open ? [{ label: t('approvals.delegate'), icon: <UserRoundPlus />, onSelect: () => setDialog('delegate') }] : []),
    ...(may('give_mandate') && approval.requester !== me.principal ? [{ label: t('mandates.propose'), icon: <Stamp />, onSelect: () => setDialog('mandate') }] : []),
    ...(approval.requester === me.principal && open ? [{ label: t('approvals.withdraw'), icon: <X />, danger: true, onSelect: () => setDialog('withdraw') }] : []),
  ];
  return (
    <header>
      <div className={css.crumbs}>
        <Icon size={14} aria-hidden />
        <span>{agent?.title ?? humanize(approval.agent)}</span>
        <ChevronRight size={12} aria-hidden />
        <span className="mono">{approval.tool}</span>
        <span className="grow" />
        {approval.run && <Link className="link" to="/runs/$run" params={{ run: approval.run }}>{t('approvals.openRun')}</Link>}
        {items.length > 0 && <Menu label={t('common.more')} items={items} trigger={(props) => <IconButton label={t('common.more')} size={28} {...props}><Ellipsis size={16} aria-hidden /></IconButton>} />}
      </div>
      <h2 className={css.title}>{said(approval)}</h2>
      <p className="ink2">{t('approvals.askedBy', { agent: agent?.title ?? humanize(approval.agent), who: approval.requester_name, when: relative(approval.created_at, now, 'long') })}</p>
      <div className={css.pills}>
        {!open && <State name={approval.state} />}
        <Pill tone={toneOfRisk(approval.risk)} icon={<TriangleAlert aria-hidden />}>{t(`state.${approval.risk}`)}</Pill>
        {approval.effect === 'irreversible'
          ? <Pill tone="ask" icon={<CircleAlert aria-hidden />}>{t('approvals.noUndo')}</Pill>
          : <Pill tone="idle" icon={<Undo2 aria-hidden />}>{t('approvals.undo')}</Pill>}
        {open && <Pill tone="idle" icon={<Clock aria-hidden />}>{t('approvals.expires', { time: relative(approval.expires_at, now, 'long') })}</Pill>}
      </div>
      {dialog === 'delegate' && <DelegateDialog approval={approval} onClose={() => setDialog(null)} />}
      {dialog === 'mandate' && <MandateDialog like={approval} onClose={() => setDialog(null)} />}
      {dialog === 'withdraw' && <WithdrawDialog approval={approval} onClose={() => setDialog(null)} />}
    </header>
  );
}
