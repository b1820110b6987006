import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { recordQuery, type RecordDetail, type RecordRow } from '../../api/log';
import { said } from '../../i18n/said';
import { Dialog } from '../../ui/Dialog';
import { Failed, SkeletonRows } from '../../ui/Feedback';
import { FULL, date, humanize, number, principalName } from '../../ui/format';
import { Json } from '../../ui/Json';
import { State } from '../../ui/State';
import { Facts } from '../../ui/Table';
import { Time } from '../../ui/Time';
import { ProofStatus } from './ProofStatus';
import css from './RecordDrawer.module.css';
import { stateOf } from './RecordTable';
import { recordInWords } from './words';

type RecordDrawerProps = { seq: number; onClose: () => void; onOpen: (seq: number) => void; onFilter: (q: string) => void };

/** One record: what, why it was decided so, whether it is proven, what else belongs to the same call. */
export function RecordDrawer({ seq, onClose, onOpen, onFilter }: RecordDrawerProps) {
  const { t } = useTranslation();
  const record = useQuery(recordQuery(seq));
  return (
    <Dialog open onClose={onClose} shape="drawer" width={520} title={<span className="row">{t('log.record', { n: number(seq) })}{record.data && stateOf(record.data.record) && <State name={stateOf(record.data.record)} />}</span>}>
      {record.isError ? <Failed error={record.error} onRetry={() => void record.refetch()} /> : !record.data ? <SkeletonRows rows={6} /> : <Body detail={record.data} onOpen={onOpen} onFilter={onFilter} />}
    </Dialog>
  );
}

type Reason = { sentence?: string; sentences?: Record<string, string>; message_id?: string; parameters?: Record<string, unknown>; rule?: string; verdict?: string };

function Body({ detail, onOpen, onFilter }: { detail: RecordDetail; onOpen: (seq: number) => void; onFilter: (q: string) => void }) {
  const { t } = useTranslation();
  const { record } = detail;
  const reasons = (Array.isArray(record.detail?.['reasons']) ? record.detail['reasons'] : []) as Reason[];
  const self = detail.related.find((row) => row.seq === detail.seq);
  const title = recordInWords(self, record.kind);
  return (
    <div className={css.body}>
      <div>
        <h3 className={css.title}>{title}</h3>
        {record.tool && <p className="mono muted">{record.tool}</p>}
      </div>
      <ProofStatus detail={detail} />
      {(record.decision || reasons.length > 0) && (
        <section className={css.section}>
          <h3 className="heading">{t('log.decisionExplained')}</h3>
          <div className={css.decision} data-tone={record.decision}>
            {record.decision && <State name={record.decision} />}
            {reasons.map((reason, i) => <p key={i} className="sm">{said(reason)}{reason.rule && <code className="mono muted"> {reason.rule}</code>}</p>)}
            {reasons.length === 0 && record.rules && record.rules.length > 0 && <p className="row wrap">{record.rules.map((rule) => <code key={rule} className="mono">{rule}</code>)}</p>}
          </div>
        </section>
      )}
      <Facts items={[
        [t('log.column.time'), date(record.at, FULL)],
        [t('log.column.who'), principalName(record.who.principal)],
        !!record.who.chain && record.who.chain.length > 1 && [t('log.chain'), record.who.chain.map(principalName).join(' → ')],
        !!record.who.agent && [t('log.agent'), <span>{humanize(record.who.agent.replace(/^agent:/, ''))} <span className="mono muted">{record.who.agent_version?.slice(0, 10)}</span></span>],
        !!record.business_key && [t('log.column.about'), <button type="button" className="link" onClick={() => onFilter(`business_key:${record.business_key}`)}>{record.business_key}</button>],
        !!record.run && [t('log.column.run'), <Link className="link mono" to="/runs/$run" params={{ run: record.run }}>{record.run}</Link>],
        !!record.approval && [t('log.approval'), <Link className="link mono" to="/approvals" search={{ id: record.approval, tab: 'closed' }}>{record.approval}</Link>],
        !!record.policy_revision && [t('log.policy'), <span className="mono">{record.policy_revision.slice(0, 16)}</span>],
        !!record.digest && [t('log.digest'), <span className="mono">{record.digest}</span>],
      ]} />
      {record.arguments && <section className={css.section}><h3 className="heading">{t('run.arguments')}</h3><Json label={t('run.arguments')} value={record.arguments} /></section>}
      {detail.related.length > 1 && <Related rows={detail.related} seq={detail.seq} onOpen={onOpen} />}
      <details><summary className="link sm">{t('log.whole')}</summary><Json label={t('log.whole')} value={record} /></details>
    </div>
  );
}

function Related({ rows, seq, onOpen }: { rows: RecordRow[]; seq: number; onOpen: (seq: number) => void }) {
  const { t } = useTranslation();
  return (
    <section className={css.section}>
      <h3 className="heading">{t('log.sameCall')}</h3>
      <ol className={css.related}>
        {rows.map((row) => (
          <li key={row.seq}>
            <button type="button" aria-current={row.seq === seq || undefined} onClick={() => onOpen(row.seq)}>
              <span className="xs muted"><Time at={row.at} as="clock" /></span>
              <span className="grow trunc">{t(`log.kinds.${row.kind}`, { defaultValue: humanize(row.kind) })}</span>
              {stateOf(row) && <State name={stateOf(row)} quiet />}
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}
