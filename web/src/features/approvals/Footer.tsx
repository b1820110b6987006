import { TriangleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { Approval } from '../../api/approvals';
import { said } from '../../i18n/said';
import { Problem } from '../../api/problem';
import { Button } from '../../ui/Button';
import { Inline } from '../../ui/Feedback';
import { TextArea } from '../../ui/Field';
import { preferences } from '../../ui/preferences';
import { Words } from '../../ui/Words';
import css from './Footer.module.css';
import { emphasised } from './look';

type FooterProps = {
  approval: Approval;
  asking: boolean;
  busy: boolean;
  comment: string;
  error: unknown;
  onComment: (text: string) => void;
  onPress: (approve: boolean) => void;
  onConfirm: () => void;
  onBack: () => void;
  onSuggest: (() => void) | undefined;
};

/** The decision. The button repeats the effect; nothing is preselected; undo is impossible and it says so. */
export function Footer({ approval, asking, busy, comment, error, onComment, onPress, onConfirm, onBack, onSuggest }: FooterProps) {
  const { t } = useTranslation();
  const amount = emphasised(approval);
  const keys = preferences.get().singleKeys;
  if (approval.state !== 'pending') return null;
  if (!approval.i_may_answer) return <footer className={css.footer}><p className="sm ink2">{approval.why_not ? <Words text={approval.why_not} /> : t('approvals.notYou')}</p></footer>;
  if (asking) {
    return (
      <footer className={css.footer} role="alertdialog" aria-label={t('approvals.confirm')} data-asking>
        <p className={css.sure}><TriangleAlert size={17} aria-hidden />{t('approvals.sure', { what: said(approval) })}</p>
        <div className={css.buttons}>
          <Button onClick={onBack}>{t('approvals.back')}</Button>
          <Button look="approve" autoFocus busy={busy} onClick={onConfirm} keys={keys ? '↵' : undefined}>{t('approvals.confirmGo', { what: amount }).trim()}</Button>
        </div>
      </footer>
    );
  }
  return (
    <footer className={css.footer}>
      {error !== null && <div className={css.error}>{error instanceof Problem && error.status === 409 ? <p role="alert" className={css.conflict}>{error.message ? <Words text={error.message} /> : t('approvals.conflict')}</p> : <Inline error={error} />}</div>}
      <div className={css.comment}>
        <TextArea hideLabel label={t('approvals.comment')} placeholder={t('approvals.comment')} maxLength={2000} rows={1} value={comment} onChange={(event) => onComment(event.target.value)} />
      </div>
      {onSuggest && <button type="button" className={`link sm ${css.suggest}`} onClick={onSuggest}>{t('approvals.suggest')}</button>}
      {approval.i_may_only_deny && <p className="sm ink2"><Words text={approval.why_not} /></p>}
      <div className={css.buttons}>
        <Button look="deny" busy={busy} onClick={() => onPress(false)} keys={keys ? 'D' : undefined}>{t('approvals.deny')}</Button>
        <Button look="approve" busy={busy} disabled={approval.i_may_only_deny} onClick={() => onPress(true)} keys={keys ? 'A' : undefined}>{t('approvals.approveWhat', { what: amount }).trim()}</Button>
      </div>
    </footer>
  );
}
