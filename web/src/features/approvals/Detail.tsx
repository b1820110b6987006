import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { approvalQuery, giveVerdict, type Approval } from '../../api/approvals';
import { Problem } from '../../api/problem';
import { said } from '../../i18n/said';
import { Failed, SkeletonRows } from '../../ui/Feedback';
import { toast } from '../../ui/toast';
import { useKeys } from '../../ui/useKeys';
import { useTranslation } from 'react-i18next';
import { Arguments } from './Arguments';
import css from './Detail.module.css';
import { Footer } from './Footer';
import { Head } from './Head';
import { Considerations } from './Considerations';
import { SuggestDialog } from './SuggestDialog';
import { nextStep, type Shown } from './verdict';

type DetailProps = { id: string; onDone: () => void; inDialog?: boolean };

/** One request, in the order in which a person decides in ten seconds. */
export function Detail({ id, onDone, inDialog }: DetailProps) {
  const { t } = useTranslation();
  const query = useQuery(approvalQuery(id));
  const approval = query.data;
  const [asking, setAsking] = useState(false);
  const [exact, setExact] = useState(false);
  const [comment, setComment] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [suggesting, setSuggesting] = useState(false);
  const shown = useRef<Shown | null>(null);
  const digest = approval?.digest;
  const [changed, setChanged] = useState(false);
  useEffect(() => {
    if (!digest) return;
    if (shown.current && shown.current.digest !== digest) setChanged(true); // another call than the one that was being read
    shown.current = { digest, at: Date.now() };
    setAsking(false);
  }, [digest]);

  const send = async (approve: boolean, of: Approval) => {
    setBusy(true);
    setError(null);
    try {
      // The digest is the one on screen; the server compares it with what would run and refuses another.
      await giveVerdict(of.id, { approve, digest: of.digest, comment: comment.trim(), seconds_taken: (Date.now() - shown.current!.at) / 1000 });
      toast(`${t(approve ? 'approvals.approved' : 'approvals.denied')}: ${said(of)}`, approve ? 'approved' : 'rejected');
      onDone();
    } catch (problem) {
      setError(problem);
      if (problem instanceof Problem && problem.status === 409) void query.refetch();
    } finally {
      setBusy(false);
      setAsking(false);
    }
  };
  const press = (approve: boolean) => {
    if (busy || !approval || (approve && approval.i_may_only_deny)) return;
    const step = nextStep(approve, approval, shown.current, Date.now(), asking);
    if (step === 'confirm') setAsking(true);
    else if (step === 'send') void send(approve, approval);
  };
  useKeys({
    a: () => press(true),
    d: () => press(false),
    e: () => setExact((on) => !on),
    ...(asking ? { Escape: () => setAsking(false) } : {}),
  }, { inDialog });
  if (query.isError) return <Failed error={query.error} onRetry={() => void query.refetch()} />;
  if (!approval) return <SkeletonRows rows={7} />;
  return (
    <article className={css.frame} aria-label={said(approval)}>
      <div className={css.scroll} tabIndex={0} role="region" aria-label={t('approvals.request')}>
        <div className={css.inside}>
          <Head approval={approval} />
          {changed && <p className={css.changed} role="alert">{t('approvals.changed')}</p>}
          <div className={css.columns}>
            <Arguments approval={approval} exact={exact} onExact={() => setExact(!exact)} />
            <Considerations approval={approval} />
          </div>
        </div>
      </div>
      <Footer approval={approval} asking={asking} busy={busy} comment={comment} error={error} onComment={setComment}
        onPress={press} onConfirm={() => void send(true, approval)} onBack={() => setAsking(false)}
        onSuggest={Object.keys(approval.input_schema ?? {}).length > 0 ? () => setSuggesting(true) : undefined} />
      {suggesting && <SuggestDialog approval={approval} since={shown.current?.at ?? Date.now()} comment={comment} onClose={() => setSuggesting(false)} onDone={onDone} />}
    </article>
  );
}
