import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Plug, RefreshCw, ShieldAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { connectorsQuery, healthQuery, quarantineQuery, type ConnectorSummary, type Health } from '../../api/connectors';
import { useMay } from '../../app/session';
import { Button } from '../../ui/Button';
import { Empty, Failed, SkeletonRows } from '../../ui/Feedback';
import { duration } from '../../ui/format';
import { Column, Page } from '../../ui/Page';
import { Pill, State, Tile } from '../../ui/State';
import css from './Connectors.module.css';
import { Quarantine } from './Quarantine';

export function ConnectorsPage() {
  const { t } = useTranslation();
  const may = useMay();
  const connectors = useQuery(connectorsQuery);
  const health = useQuery({ ...healthQuery, enabled: may('read_connectors') });
  const waiting = useQuery({ ...quarantineQuery, enabled: may('read_connectors') }).data ?? [];
  return (
    <Page name={t('nav.connectors')} title={t('nav.connectors')} actions={<Button busy={health.isFetching} icon={<RefreshCw size={14} aria-hidden />} onClick={() => void health.refetch()}>{t('connectors.check')}</Button>}>
      <Column>
        <Quarantine tools={waiting} />
        {connectors.isError ? <Failed error={connectors.error} onRetry={() => void connectors.refetch()} />
          : connectors.isPending ? <SkeletonRows />
          : connectors.data.length === 0 ? <Empty icon={Plug} title={t('connectors.none')} text={t('connectors.noneText')} />
          : <ul className={css.grid}>{connectors.data.map((each) => <Card key={each.name} connector={each} health={health.data?.find((one) => one.connector === each.name)} />)}</ul>}
      </Column>
    </Page>
  );
}

function Card({ connector, health }: { connector: ConnectorSummary; health: Health | undefined }) {
  const { t } = useTranslation();
  const tone = !health ? 'idle' : health.state === 'up' ? 'allow' : health.state === 'down' ? 'fault' : 'ask';
  return (
    <li className={`card ${css.card}`}>
      <div className="row between"><Tile tone={tone} icon={Plug} />{health ? <State name={health.state} /> : <State name="unknown" quiet />}</div>
      <div>
        <h2 className={css.name}><Link to="/connectors/$connector" params={{ connector: connector.name }}>{connector.title}</Link></h2>
        <p className="sm ink2">{connector.description}</p>
        {health && health.state !== 'up' && health.detail && <p className={css.detail}>{health.detail}</p>}
      </div>
      <div className={css.foot}>
        <span>{t('connectors.tools', { count: connector.tools })}</span>
        {connector.blocked > 0 && <Pill tone="ask" icon={<ShieldAlert aria-hidden />}>{t('connectors.blocked', { count: connector.blocked })}</Pill>}
        {health?.milliseconds != null && <span className="num">{duration(health.milliseconds)}</span>}
      </div>
    </li>
  );
}
