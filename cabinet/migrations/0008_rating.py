from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("cabinet", "0007_topics"),
    ]

    operations = [
        migrations.AddField(
            model_name='case',
            name='rated_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='rated'),
        ),
        migrations.AddField(
            model_name='case',
            name='rating',
            field=models.CharField(blank=True, choices=[('high', 'Good'), ('middle', 'So-so'), ('low', 'Bad')], db_default='', default='', max_length=10, verbose_name='rating'),
        ),
        migrations.AddField(
            model_name='case',
            name='rating_comment',
            field=models.TextField(blank=True, db_default='', default='', verbose_name='comment on the rating'),
        ),
        migrations.AlterField(
            model_name='outboxentry',
            name='kind',
            field=models.CharField(choices=[('open_case', 'open the case'), ('reply', 'reply'), ('close', 'close'), ('reopen', 'reopen'), ('ensure_open', 'reopen if still closed'), ('rate', 'rating')], max_length=20, verbose_name='kind'),
        ),
    ]
