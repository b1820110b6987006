import { useTranslation } from 'react-i18next';
import type { Facets } from '../../api/log';
import { Button } from '../../ui/Button';
import { SelectField } from '../../ui/Field';
import { compact, humanize } from '../../ui/format';
import { COLOURS } from './colours';
import css from './Log.module.css';
import { valueOf, withValue } from './query';

type ChipsProps = { q: string; facets: Facets | undefined; onChange: (q: string) => void };

const DECISIONS = ['allow', 'ask', 'deny'] as const;
const OUTCOMES = ['failed', 'in_doubt', 'rejected'] as const;

/** The usual questions as buttons. They only write the filter, so what they mean can be read and changed. */
export function Chips({ q, facets, onChange }: ChipsProps) {
  const { t } = useTranslation();
  const values = (field: string) => facets?.facets.find((facet) => facet.field === field)?.values ?? {};
  const count = (field: string, value: string) => values(field)[value] ?? 0;
  const chip = (field: 'decision' | 'outcome', value: string) => {
    const on = valueOf(q, field) === value;
    const n = count(field, value);
    return (
      <button key={value} type="button" className={css.chip} aria-pressed={on} onClick={() => onChange(withValue(q, field, on ? undefined : value))}>
        <i style={{ background: COLOURS[value] }} />{t(`state.${value}`)}{n > 0 && <span className="num muted">{compact(n)}</span>}
      </button>
    );
  };
  const agents = Object.keys(values('agent')).filter(Boolean);
  return (
    <div className={css.chips}>
      <div className="row wrap" role="group" aria-label={t('log.decision')}>{DECISIONS.map((value) => chip('decision', value))}</div>
      <div className="row wrap" role="group" aria-label={t('log.outcome')}>{OUTCOMES.map((value) => chip('outcome', value))}</div>
      {agents.length > 0 && (
        <div className={css.agent}><SelectField hideLabel label={t('log.agent')} empty={t('log.anyAgent')} value={valueOf(q, 'agent') ?? ''} options={agents.map((each) => ({ value: each, label: humanize(each.replace(/^agent:/, '')) }))}
          onChange={(event) => onChange(withValue(q, 'agent', event.target.value || undefined))} /></div>
      )}
      {q && <Button look="quiet" onClick={() => onChange('')}>{t('log.clear')}</Button>}
    </div>
  );
}
