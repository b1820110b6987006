import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { abandonDraft, activateDraft, reviewDraft, type Draft } from '../../api/policy';
import { useMay, useMe } from '../../app/session';
import { Button } from '../../ui/Button';
import { toastProblem } from '../../ui/problem';
import { toast } from '../../ui/toast';

/** Review is a second person's: the author's own review is not offered, and the server refuses it as well. */
export function DraftActions({ draft }: { draft: Draft }) {
  const { t } = useTranslation();
  const me = useMe();
  const may = useMay();
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const act = async (action: () => Promise<void>, done: string) => {
    setBusy(true);
    try {
      await action();
      toast(done);
    } catch (problem) {
      toastProblem(problem);
    } finally {
      setBusy(false);
    }
  };
  const mine = draft.authors.includes(me.principal);
  if (draft.state !== 'draft' && draft.state !== 'reviewed') return null;
  return (
    <>
      {mine && <Button look="deny" busy={busy} onClick={() => void act(async () => { await abandonDraft(draft.id); await navigate({ to: '/policies', search: { tab: 'drafts' } }); }, t('policies.abandoned'))}>{t('policies.abandon')}</Button>}
      {!mine && draft.state === 'draft' && may('activate_policy') && <Button busy={busy} onClick={() => void act(() => reviewDraft(draft.id, { approve: true, content_hash: draft.content_hash, comment: '' }), t('policies.reviewedDone'))}>{t('policies.review')}</Button>}
      {mine && draft.state === 'draft' && <span className="xs muted wide-only">{t('policies.secondPerson')}</span>}
      {draft.state === 'reviewed' && may('activate_policy') && <Button look="primary" busy={busy} onClick={() => void act(() => activateDraft(draft.id, draft.content_hash), t('policies.activatedDone'))}>{t('policies.activate')}</Button>}
    </>
  );
}
