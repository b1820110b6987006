import { ArrowRight, Fingerprint } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { Approval } from '../../api/approvals';
import { Json } from '../../ui/Json';
import { preferences } from '../../ui/preferences';
import css from './Detail.module.css';
import { emphasised } from './look';

/** Third: the argument that matters most, large; the others below it; on demand the exact call and its fingerprint. */
export function Arguments({ approval, exact, onExact }: { approval: Approval; exact: boolean; onExact: () => void }) {
  const { t } = useTranslation();
  const big = approval.arguments.find((each) => each.emphasis);
  const named = ({ path, label }: Approval['arguments'][number]) => t(`argument.${path}`, { defaultValue: label });
  const rest = approval.arguments.filter((each) => each !== big);
  return (
    <div>
      <section className={css.section}>
        <div className="row between">
          <h3 className="heading">{t('approvals.what')}</h3>
          <button type="button" className="link xs" aria-expanded={exact} onClick={onExact}>{t('approvals.exact')} {preferences.get().singleKeys && <kbd className="wide-only">E</kbd>}</button>
        </div>
        <div className={`card ${css.call}`}>
          {big && <div className={css.big}><span className="xs muted">{named(big)}</span><span className={css.value}>{emphasised(approval)}</span></div>}
          {rest.length > 0 && <dl>{rest.map((each) => <div key={each.path}><dt>{named(each)}</dt><dd className="num">{each.text}</dd></div>)}</dl>}
          {exact && (
            <div className={css.exact}>
              <p className="xs muted">{t('approvals.exactText')}</p>
              <Json label={t('approvals.exact')} value={indented(approval.exact)} />
              <p className={css.digest}><Fingerprint size={13} aria-hidden /><span className="muted">{t('approvals.fingerprint')}</span><span className="mono break">{approval.digest}</span></p>
            </div>
          )}
        </div>
      </section>
      {approval.changes.length > 0 && (
        <section className={css.section}>
          <h3 className="heading">{t('approvals.changes')}</h3>
          <div className={`card ${css.changes}`}>
            {approval.changes.map((change) => (
              <div key={change.field}>
                <span className="muted xs">{change.field}</span>
                <span className="row sm num wrap"><del>{change.before || '–'}</del><ArrowRight size={13} aria-label="→" color="var(--ink-3)" /><ins>{change.after}</ins></span>
              </div>
            ))}
          </div>
        </section>
      )}
    </div>
  );
}

/** Canonical JSON has no spaces; for reading it is laid out, character for character the same values. */
function indented(canonical: string): string {
  try {
    return JSON.stringify(JSON.parse(canonical), null, 2);
  } catch {
    return canonical;
  }
}
