//! What expressions may ask of the session: parameters, times, names, settings.

use super::session::Session;
use crate::{
    base::{
        datetime::{DateOrder, IntervalStyle, Zone},
        text::{ByteaOutput, Style},
        value::Value,
    },
    error::Result,
    sql::expr::{Context, SessionFacts},
};
use std::sync::Arc;

/// From the Unix epoch to 2000-01-01, in microseconds.
const UNIX_TO_2000_MICROS: i64 = 946_684_800_000_000;

/// Between the seeds of two statements: odd, so that none comes twice.
const SEED_STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Session {
    /// The context of a statement with these parameters.
    pub(super) fn context(&mut self, parameters: Vec<Value>) -> Arc<Context> {
        let env = self.core.shard.env();
        let now = env.wall_micros();
        // Every statement has its own seed; what makes it unpredictable was drawn when the session began.
        self.seed = self.seed.wrapping_add(SEED_STEP);
        let transaction = self.transaction.as_ref();
        let context = Arc::new(Context {
            seed: self.seed,
            parameters,
            transaction_micros: transaction.map_or(now, |transaction| transaction.started_micros),
            statement_micros: now,
            clock_micros: now,
            transaction_id: transaction.map_or(0, |transaction| transaction.id.0),
            session: self.facts(),
            ..Context::default()
        });
        self.context = Some(context.clone());
        context
    }

    /// Makes the settings that the statement asked for by `set_config`.
    pub(super) fn apply_setting_changes(&mut self) -> Result<()> {
        let Some(context) = self.context.take() else { return Ok(()) };
        for change in context.take_setting_changes() {
            self.settings.set(&change.name, Some(&change.value), change.local)?;
        }
        Ok(())
    }

    /// The part of the context that changes only with settings; made anew when one did.
    fn facts(&mut self) -> Arc<SessionFacts> {
        let version = self.settings.version();
        let catalog = self.catalog();
        if let Some((made_for, facts)) = &self.facts
            && *made_for == version
            && Arc::ptr_eq(&facts.catalog, &catalog)
        {
            return facts.clone();
        }
        let exists = |schema: &String| catalog.resolve_schema(self.database, schema).is_some();
        let facts = Arc::new(SessionFacts {
            style: self.chosen_style(),
            user: self.user.clone(),
            database: self.database_name.clone(),
            search_path: self.search_path().into_iter().filter(exists).collect(),
            settings: self.settings.all().into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect(),
            process_id: self.process_id(),
            database_id: self.database,
            catalog: catalog.clone(),
        });
        self.facts = Some((version, facts.clone()));
        facts
    }
}

impl Session {
    /// How values are read and written, by the session's settings, and what `now` means in them.
    pub fn style(&mut self) -> Style {
        let started = self.transaction.as_ref().map(|transaction| transaction.started_micros);
        let now = started.unwrap_or_else(|| self.core.shard.env().wall_micros());
        Style { now_micros: now - UNIX_TO_2000_MICROS, ..self.facts().style.clone() }
    }

    /// The style that the settings say.
    fn chosen_style(&self) -> Style {
        let setting = |name: &str| self.settings.get(name).unwrap_or_default();
        let date_style = setting("DateStyle");
        Style {
            bytea: if setting("bytea_output") == "escape" { ByteaOutput::Escaped } else { ByteaOutput::Hexadecimal },
            extra_float_digits: setting("extra_float_digits").parse().unwrap_or(1),
            date_order: match date_style.rsplit(' ').next() {
                Some("DMY") => DateOrder::DayMonthYear,
                Some("YMD") => DateOrder::YearMonthDay,
                _ => DateOrder::MonthDayYear,
            },
            interval: match setting("IntervalStyle").as_str() {
                "postgres_verbose" => IntervalStyle::PostgresVerbose,
                "sql_standard" => IntervalStyle::SqlStandard,
                "iso_8601" => IntervalStyle::Iso8601,
                _ => IntervalStyle::Postgres,
            },
            zone: Zone::named(&setting("TimeZone")).unwrap_or_default(),
            now_micros: 0,
        }
    }
}
