import { useTranslation } from 'react-i18next';
import type { Schemas } from '../../api/client';
import { humanize, principalName } from '../../ui/format';
import { Section } from '../../ui/Page';
import { CaseTable, Conflicts } from './Checks';
import css from './Policies.module.css';
import { Problems, RuleTable, RuleWords } from './Rules';

type Diff = Schemas['DraftDiff'];

/** What a draft changes: rules in words first, then who gains what, then what would break, then the files. */
export function Difference({ diff }: { diff: Diff }) {
  const { t } = useTranslation();
  const failing = diff.cases.filter((each) => !each.passed);
  return (
    <>
      <Section title={t('policies.difference')}>
        <Problems problems={diff.warnings} />
        {diff.added.length > 0 && <><p className="heading">{t('policies.added')}</p><RuleTable rows={diff.added} /></>}
        {diff.removed.length > 0 && <><p className="heading">{t('policies.removed')}</p><RuleTable rows={diff.removed} /></>}
        {diff.changed.length > 0 && (
          <ul className={css.considered}>
            {diff.changed.map((each) => <li key={each.after.id}><span className="grow"><del><RuleWords rule={each.before} /></del><br /><RuleWords rule={each.after} /></span></li>)}
          </ul>
        )}
        {[...diff.gained.map((each) => t('policies.gains', { who: principalName(each.principal), role: humanize(each.role) })), ...diff.lost.map((each) => t('policies.loses', { who: principalName(each.principal), role: humanize(each.role) }))].map((line) => <p key={line} className="sm">{line}</p>)}
        {diff.approvals.length > 0 && <p className="sm">{t('policies.approvalsChange', { rules: diff.approvals.map(humanize).join(', ') })}</p>}
        {diff.files.map((file) => (
          <details key={file.file}>
            <summary className="link sm mono">{file.file}</summary>
            <div className={css.diff} tabIndex={0} role="region" aria-label={file.file}>{file.unified.split('\n').map((line, i) => <div key={i} data-sign={/^(\+\+\+|---)/.test(line) ? '' : line.charAt(0)}>{line || ' '}</div>)}</div>
          </details>
        ))}
      </Section>
      {diff.separation.length > 0 && <Section title={t('policies.wouldConflict')}><Conflicts rows={diff.separation} /></Section>}
      {diff.cases.length > 0 && <Section title={t('policies.casesUnder', { failed: failing.length, total: diff.cases.length })}>{failing.length > 0 && <CaseTable rows={failing} />}</Section>}
    </>
  );
}
