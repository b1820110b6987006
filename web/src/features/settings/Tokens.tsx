import { useQuery } from '@tanstack/react-query';
import { Copy } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schemas } from '../../api/client';
import { createToken, revokeToken, tokensQuery, type Token } from '../../api/people';
import { Button, IconButton } from '../../ui/Button';
import { Inline } from '../../ui/Feedback';
import { SelectField, TextField } from '../../ui/Field';
import { DAY, date } from '../../ui/format';
import { Section } from '../../ui/Page';
import { Table } from '../../ui/Table';
import { Time } from '../../ui/Time';
import { toast } from '../../ui/toast';
import css from './Settings.module.css';

/** API tokens: narrowed, expiring; the secret is in sight once. */
export function Tokens() {
  const { t } = useTranslation();
  const tokens = useQuery(tokensQuery).data ?? [];
  const [name, setName] = useState('');
  const [days, setDays] = useState('30');
  const [created, setCreated] = useState<Schemas['CreatedToken'] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const add = async () => {
    setError(null);
    try {
      setCreated(await createToken(name.trim(), Number(days)));
      setName('');
    } catch (problem) {
      setError(problem);
    }
  };
  return (
    <Section title={t('settings.tokens')}>
      <div className={`card ${css.panel}`}>
        <p className="sm ink2">{t('settings.tokensText')}</p>
        <div className={css.form}>
          <TextField label={t('settings.tokenName')} value={name} maxLength={100} onChange={(event) => setName(event.target.value)} />
          <SelectField label={t('settings.tokenDays')} value={days} options={['7', '30', '90', '365'].map((value) => ({ value, label: t('usage.days', { count: Number(value) }) }))} onChange={(event) => setDays(event.target.value)} />
          <Button disabled={!name.trim()} onClick={() => void add()}>{t('settings.tokenCreate')}</Button>
        </div>
        <Inline error={error} />
        {created && (
          <div className={css.secret} role="status">
            <span className="grow"><span className="sm med">{t('settings.tokenOnce')}</span><br /><code className="mono break">{created.secret}</code></span>
            <IconButton label={t('common.copy')} onClick={() => void navigator.clipboard.writeText(created.secret).then(() => toast(t('common.copied')))}><Copy size={15} aria-hidden /></IconButton>
          </div>
        )}
      </div>
      {tokens.length > 0 && (
        <Table<Token> label={t('settings.tokens')} rows={tokens} rowKey={(token) => token.id} columns={[
          { id: 'name', head: t('settings.tokenName'), cell: (token) => <span className="med">{token.name}</span> },
          { id: 'expires', head: t('settings.tokenExpires'), cell: (token) => date(token.expires_at, DAY) },
          { id: 'used', head: t('settings.tokenUsed'), wide: true, cell: (token) => (token.last_used_at ? <Time at={token.last_used_at} as="relative" /> : '–') },
          { id: 'revoke', head: t('mandates.revoke'), hideHead: true, end: true, cell: (token) => <Button small look="deny" onClick={() => void revokeToken(token.id)}>{t('mandates.revoke')}</Button> },
        ]} />
      )}
    </Section>
  );
}
