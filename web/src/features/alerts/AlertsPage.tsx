import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { BellOff } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { alertsQuery, handleAlert, type Alert } from '../../api/risk';
import { said } from '../../i18n/said';
import { Button } from '../../ui/Button';
import { Empty, Failed, Inline, SkeletonRows } from '../../ui/Feedback';
import { Segmented, TextField } from '../../ui/Field';
import { humanize, number, principalName } from '../../ui/format';
import { Column, Page } from '../../ui/Page';
import { iconOf, State, Tile, toneOf } from '../../ui/State';
import { Time } from '../../ui/Time';
import css from './Alerts.module.css';

type Tab = 'open' | 'handled';

export function AlertsPage() {
  const { t } = useTranslation();
  const [tab, setTab] = useState<Tab>('open');
  const alerts = useQuery(alertsQuery(tab));
  return (
    <Page name={t('nav.alerts')} title={t('nav.alerts')} beside={<Segmented<Tab> label={t('nav.alerts')} value={tab} onChange={setTab} options={[{ value: 'open', label: t('alerts.open') }, { value: 'handled', label: t('alerts.handled') }]} />}>
      <Column>
        {alerts.isError ? <Failed error={alerts.error} onRetry={() => void alerts.refetch()} />
          : alerts.isPending ? <SkeletonRows />
          : alerts.data.length === 0 ? <Empty icon={BellOff} tone="allow" title={t(tab === 'open' ? 'alerts.none' : 'alerts.noneHandled')} text={t('alerts.noneText')} />
          : <ul className={css.list}>{alerts.data.map((alert) => <Item key={alert.id} alert={alert} />)}</ul>}
      </Column>
    </Page>
  );
}

function Item({ alert }: { alert: Alert }) {
  const { t } = useTranslation();
  const [comment, setComment] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const handle = async (dismiss: boolean) => {
    setBusy(true);
    try {
      await handleAlert(alert.id, dismiss, comment.trim());
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  const about = [alert.agent && humanize(alert.agent.replace(/^agent:/, '')), alert.tool, alert.principal && principalName(alert.principal)].filter(Boolean);
  return (
    <li className={`card ${css.alert}`}>
      <Tile tone={toneOf(alert.level)} icon={iconOf(alert.level)} />
      <div className={css.body}>
        <div className="row between top"><p className="med break">{said(alert)}</p><span className="xs muted"><Time at={alert.raised_at} as="relative" /></span></div>
        <p className="row wrap xs muted"><State name={alert.level} /><span>{humanize(alert.detector)}</span>{about.map((each) => <span key={each}>{each}</span>)}</p>
        <p className="row wrap xs">
          {alert.run && <Link className="link" to="/runs/$run" params={{ run: alert.run }}>{t('approvals.openRun')}</Link>}
          {alert.records.slice(0, 5).map((seq) => <Link key={seq} className="link num" to="/log" search={{ seq }}>{t('log.record', { n: number(seq) })}</Link>)}
        </p>
        {alert.state === 'open' ? (
          <div className={css.act}>
            <div className="grow"><TextField hideLabel label={t('alerts.comment')} placeholder={t('alerts.comment')} value={comment} maxLength={2000} onChange={(event) => setComment(event.target.value)} /></div>
            <Button busy={busy} onClick={() => void handle(true)}>{t('alerts.dismiss')}</Button>
            <Button look="primary" busy={busy} onClick={() => void handle(false)}>{t('alerts.acknowledge')}</Button>
          </div>
        ) : <p className="row xs"><State name={alert.state} /><span className="muted">{principalName(alert.handled_by ?? '')}{alert.comment && `: ${alert.comment}`}</span></p>}
        <Inline error={error} />
      </div>
    </li>
  );
}
