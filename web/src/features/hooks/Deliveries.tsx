import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import i18n from 'i18next';
import { useTranslation } from 'react-i18next';
import { deliveriesQuery, type Delivery, type Hook } from '../../api/hooks';
import { worded } from '../../i18n/sentences';
import { Dialog } from '../../ui/Dialog';
import { Failed, SkeletonRows } from '../../ui/Feedback';
import { State } from '../../ui/State';
import { Table } from '../../ui/Table';
import { Time } from '../../ui/Time';
import css from './Hooks.module.css';

/** Why a stranger's request was refused, in words of ours; what a message said is quoted. */
function refusal(why: string): string {
  const kind = why.replaceAll(' ', '_');
  return i18n.exists(`hooks.whyRefused.${kind}`) ? i18n.t(`hooks.whyRefused.${kind}`) : worded(why);
}

/** What came lately, and what became of it. */
export function Deliveries({ hook, onClose }: { hook: Hook; onClose: () => void }) {
  const { t } = useTranslation();
  const found = useQuery(deliveriesQuery(hook.id));
  return (
    <Dialog open onClose={onClose} shape="drawer" width={560} title={`${t('hooks.deliveries')}: ${hook.name}`}>
      {found.isError ? <Failed error={found.error} onRetry={() => void found.refetch()} /> : found.isPending ? <SkeletonRows rows={4} />
        : found.data.length === 0 ? <p className="sm muted">{t('hooks.nothingCame')}</p>
        : (
          <Table<Delivery> label={t('hooks.deliveries')} rows={found.data} rowKey={(each) => each.id} columns={[
            { id: 'at', head: t('log.column.time'), cell: (each) => <Time at={each.at} /> },
            { id: 'outcome', head: t('runs.state'), cell: (each) => <span className={css.what}><State name={each.outcome} quiet={each.outcome === 'started'} />{each.why && <span className="xs muted break">{refusal(each.why)}</span>}</span> },
            { id: 'run', head: t('hooks.run'), cell: (each) => each.run && <Link className="link" to="/runs/$run" params={{ run: each.run }}>{t('approvals.openRun')}</Link> },
          ]} />
        )}
    </Dialog>
  );
}
