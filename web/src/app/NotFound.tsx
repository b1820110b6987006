import { MapPinOff } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { ButtonLink } from '../ui/Button';
import { Empty } from '../ui/Feedback';
import { Page } from '../ui/Page';

export function NotFound() {
  const { t } = useTranslation();
  return (
    <Page name={t('common.notFound')} title={t('common.notFound')}>
      <Empty icon={MapPinOff} tone="idle" title={t('common.notFoundText')}><ButtonLink to="/">{t('common.home')}</ButtonLink></Empty>
    </Page>
  );
}
