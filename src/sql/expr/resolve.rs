//! Overload resolution: which function, operator or aggregate a call means, by PostgreSQL's rules.
//!
//! It works on argument types alone and knows nothing of names in a catalog. The tables stand with the functions
//! ([`super::functions`], [`super::operator`], [`super::aggregate`]); the binder starts at [`super::function::resolve`],
//! [`super::operator::resolve`] or [`super::aggregate::resolve`] and casts each argument to the type it is told.

use super::cast;
use crate::base::types::{DataType, TypeKind};

/// What an argument or result of a signature may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// This type, without a modifier.
    Exact(DataType),
    /// Any type at all; arguments are not converted.
    Any,
    /// Any type but an array; the argument is cast to text.
    AsText,
    /// Any type; all `AnyElement` of a call are the same, and it is the element of `AnyArray`.
    AnyElement,
    /// An array whose element is `AnyElement`.
    AnyArray,
    /// The common type of all `AnyCompatible` arguments.
    AnyCompatible,
}

/// How much the result of a function depends on other things than its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volatility {
    /// Same arguments, same result, for ever.
    Immutable,
    /// The same within a statement.
    Stable,
    /// May differ from row to row.
    Volatile,
}

/// One overload of a name.
#[derive(Clone, Copy, Debug)]
pub struct Signature<F> {
    pub name: &'static str,
    pub function: F,
    pub arguments: &'static [Slot],
    pub result: Slot,
    /// How many of the last arguments may be left out.
    pub optional: usize,
    /// The last argument may stand any number of times (at least once, unless it is optional).
    pub variadic: bool,
    /// NULL in any argument gives NULL without a call.
    pub strict: bool,
    pub volatility: Volatility,
}

/// A signature as most are: strict and immutable.
pub const fn signature<F: Copy>(
    name: &'static str,
    function: F,
    arguments: &'static [Slot],
    result: Slot,
) -> Signature<F> {
    Signature {
        name,
        function,
        arguments,
        result,
        optional: 0,
        variadic: false,
        strict: true,
        volatility: Volatility::Immutable,
    }
}

impl<F: Copy> Signature<F> {
    /// The last `count` arguments may be left out.
    pub const fn optional(mut self, count: usize) -> Self {
        self.optional = count;
        self
    }
    /// The last argument repeats.
    pub const fn variadic(mut self) -> Self {
        self.variadic = true;
        self
    }
    /// It is called with NULL arguments too.
    pub const fn nullable(mut self) -> Self {
        self.strict = false;
        self
    }
    /// Constant within a statement.
    pub const fn stable(mut self) -> Self {
        self.volatility = Volatility::Stable;
        self
    }
    /// May change from row to row.
    pub const fn volatile(mut self) -> Self {
        self.volatility = Volatility::Volatile;
        self
    }

    fn accepts(&self, count: usize) -> bool {
        let most = self.arguments.len();
        count >= most - self.optional.min(most) && (count <= most || self.variadic)
    }

    /// The slot that argument `position` goes to.
    fn slot(&self, position: usize) -> Slot {
        let last = self.arguments.len().saturating_sub(1);
        self.arguments.get(position.min(last)).copied().unwrap_or(Slot::Any)
    }
}

/// A call whose meaning is decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved<F> {
    pub function: F,
    /// Each argument is cast (implicitly) to the type at its place, unless it has it already.
    pub arguments: Vec<DataType>,
    pub result: DataType,
    pub strict: bool,
    pub volatility: Volatility,
}

/// Why there is no one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No overload takes these arguments.
    None,
    /// Several do and none is better.
    Ambiguous,
}

const UNKNOWN: DataType = DataType::of(TypeKind::Unknown);
const TEXT: DataType = DataType::of(TypeKind::Text);

fn bare(data_type: DataType) -> DataType {
    DataType { modifier: -1, ..data_type }
}

/// Whether a type is a literal's or parameter's that is not decided yet.
pub fn is_unknown(data_type: DataType) -> bool {
    data_type.kind == TypeKind::Unknown && !data_type.array
}

/// Chooses the overload for a call, as PostgreSQL's manual chapters 10.2 and 10.3 tell.
pub fn select<F: Copy>(
    candidates: impl Iterator<Item = Signature<F>>,
    arguments: &[DataType],
    operator: bool,
) -> Result<Resolved<F>, Failure> {
    let inputs: Vec<DataType> = arguments.iter().map(|&data_type| bare(data_type)).collect();
    let fitting: Vec<Signature<F>> =
        candidates.filter(|candidate| candidate.accepts(inputs.len())).filter(|c| coercible(c, &inputs)).collect();
    if let Some(exact) = fitting.iter().find(|candidate| is_exact(candidate, &inputs)) {
        return finish(exact, &inputs);
    }
    if operator && let Some(exact) = same_as_other(&fitting, &inputs) {
        return finish(exact, &inputs);
    }
    let left = narrow(fitting, &inputs);
    match left.as_slice() {
        [] => Err(Failure::None),
        [one] => finish(one, &inputs),
        _ => Err(Failure::Ambiguous),
    }
}

fn is_exact<F: Copy>(candidate: &Signature<F>, inputs: &[DataType]) -> bool {
    inputs.iter().enumerate().all(|(i, &input)| candidate.slot(i) == Slot::Exact(input))
}

/// A binary operator with one unknown side: taken as the type of the other, if there is such an operator.
fn same_as_other<'a, F: Copy>(fitting: &'a [Signature<F>], inputs: &[DataType]) -> Option<&'a Signature<F>> {
    let [left, right] = inputs else { return None };
    let known = match (is_unknown(*left), is_unknown(*right)) {
        (true, false) => *right,
        (false, true) => *left,
        _ => return None,
    };
    fitting.iter().find(|candidate| is_exact(candidate, &[known, known]))
}

fn coercible<F: Copy>(candidate: &Signature<F>, inputs: &[DataType]) -> bool {
    let each = inputs.iter().enumerate().all(|(i, &input)| match candidate.slot(i) {
        Slot::Exact(target) => cast::is_implicit(input, target),
        Slot::Any | Slot::AnyElement | Slot::AnyCompatible => true,
        Slot::AsText => !input.array,
        Slot::AnyArray => input.array || is_unknown(input),
    });
    each && polymorphic(candidate, inputs).is_some()
}

/// What polymorphic slots of a call stand for.
#[derive(Clone, Copy)]
struct Polymorphic {
    element: DataType,
    compatible: DataType,
}

fn polymorphic<F: Copy>(candidate: &Signature<F>, inputs: &[DataType]) -> Option<Polymorphic> {
    let mut element = None;
    let mut compatible = Vec::new();
    let mut unknown_element = false;
    for (i, &input) in inputs.iter().enumerate() {
        let seen = match candidate.slot(i) {
            Slot::AnyElement if is_unknown(input) => {
                unknown_element = true;
                continue;
            }
            Slot::AnyElement => input,
            Slot::AnyArray if is_unknown(input) => {
                unknown_element = true;
                continue;
            }
            Slot::AnyArray => DataType::of(input.kind),
            Slot::AnyCompatible => {
                compatible.push(input);
                continue;
            }
            Slot::Exact(_) | Slot::Any | Slot::AsText => continue,
        };
        match element {
            None => element = Some(seen),
            Some(known) if known == seen => {}
            // An element of a narrower type widens to the array's.
            Some(known) if cast::is_implicit(seen, known) => {}
            Some(known) if cast::is_implicit(known, seen) && candidate.slot(i) == Slot::AnyArray => {
                element = Some(seen)
            }
            Some(_) => return None,
        }
    }
    let element = match element {
        Some(element) => element,
        None if unknown_element => TEXT,
        None => UNKNOWN,
    };
    let compatible = if compatible.is_empty() { UNKNOWN } else { common_type(&compatible)? };
    Some(Polymorphic { element, compatible })
}

fn finish<F: Copy>(candidate: &Signature<F>, inputs: &[DataType]) -> Result<Resolved<F>, Failure> {
    let bound = polymorphic(candidate, inputs).ok_or(Failure::None)?;
    let place = |slot: Slot, input: DataType| match slot {
        Slot::Exact(target) => target,
        Slot::AsText => TEXT,
        Slot::Any if is_unknown(input) => TEXT,
        Slot::Any => input,
        Slot::AnyElement => bound.element,
        Slot::AnyArray => DataType { array: true, ..bound.element },
        Slot::AnyCompatible => bound.compatible,
    };
    Ok(Resolved {
        function: candidate.function,
        arguments: inputs.iter().enumerate().map(|(i, &input)| place(candidate.slot(i), input)).collect(),
        result: place(candidate.result, UNKNOWN),
        strict: candidate.strict,
        volatility: candidate.volatility,
    })
}

/// Keeps the candidates with the highest score; all if every score is 0.
fn keep_best<F: Copy>(candidates: Vec<Signature<F>>, score: impl Fn(&Signature<F>) -> usize) -> Vec<Signature<F>> {
    let best = candidates.iter().map(&score).max().unwrap_or(0);
    candidates.into_iter().filter(|candidate| score(candidate) == best).collect()
}

fn narrow<F: Copy>(fitting: Vec<Signature<F>>, inputs: &[DataType]) -> Vec<Signature<F>> {
    let known = |i: usize| !is_unknown(inputs[i]);
    let places = 0..inputs.len();
    let exact =
        keep_best(fitting, |c| places.clone().filter(|&i| known(i) && c.slot(i) == Slot::Exact(inputs[i])).count());
    if exact.len() <= 1 {
        return exact;
    }
    let preferred = keep_best(exact, |c| {
        let fits = |i: usize| match c.slot(i) {
            Slot::Exact(target) => {
                target == inputs[i]
                    || (cast::is_preferred(target) && cast::category(target) == cast::category(inputs[i]))
            }
            _ => false,
        };
        places.clone().filter(|&i| known(i) && fits(i)).count()
    });
    if preferred.len() <= 1 || places.clone().all(known) {
        return preferred;
    }
    let by_category = by_unknown_category(&preferred, inputs);
    if by_category.len() == 1 {
        return by_category;
    }
    by_one_known_type(by_category, inputs)
}

/// Unknown arguments are strings if some candidate takes one there, else what all candidates agree on.
fn by_unknown_category<F: Copy>(candidates: &[Signature<F>], inputs: &[DataType]) -> Vec<Signature<F>> {
    let mut wanted = Vec::new();
    for i in (0..inputs.len()).filter(|&i| is_unknown(inputs[i])) {
        let slots: Vec<(char, bool)> = candidates.iter().map(|c| slot_category(c.slot(i))).collect();
        let string = slots.iter().any(|slot| slot.0 == 'S');
        let category = if string { 'S' } else { slots[0].0 };
        if !string && slots.iter().any(|slot| slot.0 != category) {
            return candidates.to_vec();
        }
        wanted.push((i, category, slots.iter().any(|slot| slot.0 == category && slot.1)));
    }
    let fits = |candidate: &Signature<F>| {
        wanted.iter().all(|&(i, category, preferred)| {
            let slot = slot_category(candidate.slot(i));
            slot.0 == category && (!preferred || slot.1)
        })
    };
    let kept: Vec<Signature<F>> = candidates.iter().filter(|c| fits(c)).copied().collect();
    if kept.is_empty() { candidates.to_vec() } else { kept }
}

fn slot_category(slot: Slot) -> (char, bool) {
    match slot {
        Slot::Exact(target) => (cast::category(target), cast::is_preferred(target)),
        _ => ('P', false),
    }
}

/// If all known arguments have one type, the unknown ones are taken to have it too.
fn by_one_known_type<F: Copy>(candidates: Vec<Signature<F>>, inputs: &[DataType]) -> Vec<Signature<F>> {
    let mut known = inputs.iter().copied().filter(|&input| !is_unknown(input));
    let Some(first) = known.next() else { return candidates };
    if known.any(|other| other != first) {
        return candidates;
    }
    let assumed = vec![first; inputs.len()];
    let fitting: Vec<Signature<F>> = candidates.iter().filter(|c| coercible(c, &assumed)).copied().collect();
    if fitting.len() == 1 { fitting } else { candidates }
}

/// The type that UNION, CASE, COALESCE, VALUES, GREATEST and IN lists give their members; `None` if they do not fit.
/// Modifiers are kept only where all agree.
pub fn common_type(types: &[DataType]) -> Option<DataType> {
    let mut chosen: Option<DataType> = None;
    for &data_type in types.iter().filter(|&&data_type| !is_unknown(data_type)) {
        chosen = Some(match chosen {
            None => data_type,
            Some(current) if current == data_type => current,
            Some(current) if bare(current) == bare(data_type) => bare(current),
            Some(current) => wider(current, data_type)?,
        });
    }
    let chosen = chosen.unwrap_or(TEXT);
    let fits = types.iter().all(|&data_type| cast::is_implicit(data_type, chosen));
    fits.then_some(chosen)
}

fn wider(current: DataType, next: DataType) -> Option<DataType> {
    if cast::category(current) != cast::category(next) {
        return None;
    }
    let to_next = cast::is_implicit(current, next) && !cast::is_implicit(next, current);
    let better =
        !cast::is_preferred(current) && (to_next || (cast::is_preferred(next) && cast::is_implicit(current, next)));
    Some(bare(if better { next } else { current }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::expr::{aggregate, cast::CastContext, function, operator};

    fn parse(text: &str) -> DataType {
        let kind = match text.trim_end_matches("[]") {
            "int2" => TypeKind::Int2,
            "int4" => TypeKind::Int4,
            "int8" => TypeKind::Int8,
            "float4" => TypeKind::Float4,
            "float8" => TypeKind::Float8,
            "numeric" => TypeKind::Numeric,
            "text" => TypeKind::Text,
            "varchar" => TypeKind::Varchar,
            "bpchar" => TypeKind::Bpchar,
            "name" => TypeKind::Name,
            "date" => TypeKind::Date,
            "time" => TypeKind::Time,
            "timestamp" => TypeKind::Timestamp,
            "timestamptz" => TypeKind::Timestamptz,
            "interval" => TypeKind::Interval,
            "bool" => TypeKind::Bool,
            "oid" => TypeKind::Oid,
            "bytea" => TypeKind::Bytea,
            "regclass" => TypeKind::Regclass,
            "unknown" => TypeKind::Unknown,
            other => panic!("{other}"),
        };
        DataType { kind, array: text.ends_with("[]"), modifier: -1 }
    }

    fn types(text: &str) -> Vec<DataType> {
        text.split_whitespace().map(parse).collect()
    }

    /// Each line as PostgreSQL 15 answers `pg_typeof`.
    #[test]
    fn operators_resolve_as_in_postgresql() {
        for (symbol, arguments, expected) in [
            ("+", "int4 float4", "float8"),
            ("+", "int2 int4", "int4"),
            ("+", "int4 int8", "int8"),
            ("+", "int4 numeric", "numeric"),
            ("+", "numeric float4", "float8"),
            ("+", "unknown int4", "int4"),
            ("+", "timestamp interval", "timestamp"),
            ("+", "date interval", "timestamp"),
            ("-", "date date", "int4"),
            ("-", "timestamptz timestamptz", "interval"),
            ("*", "interval int4", "interval"),
            ("/", "int4 int4", "int4"),
            ("||", "text text", "text"),
            ("||", "unknown unknown", "text"),
            ("||", "int4 text", "text"),
            ("||", "int4 unknown", "text"),
            ("||", "varchar text", "text"),
            ("||", "int4[] int4", "int4[]"),
            ("||", "int4[] int4[]", "int4[]"),
            ("~~", "text unknown", "bool"),
            ("~~", "varchar unknown", "bool"),
            ("^", "int4 int4", "float8"),
            ("^", "numeric int4", "numeric"),
        ] {
            let resolved = operator::resolve(symbol, &types(arguments));
            assert_eq!(resolved.map(|r| r.result).ok(), Some(parse(expected)), "{symbol} {arguments}");
        }
        assert!(operator::resolve("||", &types("int4 int4")).is_err());
        assert!(operator::resolve("+", &types("text text")).is_err());
        assert!(operator::resolve("+", &types("bool int4")).is_err());
    }

    #[test]
    fn comparisons_find_a_common_type() {
        for (arguments, expected) in [
            ("int4 int8", "int8"),
            ("int4 numeric", "numeric"),
            ("int4 float4", "float8"),
            ("int8 float8", "float8"),
            ("text varchar", "text"),
            ("bpchar unknown", "bpchar"),
            ("varchar unknown", "text"),
            ("date unknown", "date"),
            ("date timestamptz", "timestamptz"),
            ("unknown unknown", "text"),
            ("name text", "text"),
            ("oid int4", "oid"),
            ("oid int8", "oid"),
            ("int4[] int4[]", "int4[]"),
            ("regclass oid", "oid"),
            ("bpchar text", "text"),
            ("bpchar varchar", "bpchar"),
        ] {
            let pair = types(arguments);
            let common = operator::comparison("=", pair[0], pair[1]);
            assert_eq!(common.ok(), Some(parse(expected)), "{arguments}");
        }
        for arguments in ["int4 text", "bool int4", "date int4", "text date"] {
            let pair = types(arguments);
            assert!(operator::comparison("=", pair[0], pair[1]).is_err(), "{arguments}");
        }
    }

    #[test]
    fn functions_and_aggregates_resolve() {
        for (name, arguments, expected) in [
            ("abs", "int4", "int4"),
            ("abs", "unknown", "float8"),
            ("round", "int4", "float8"),
            ("round", "numeric int4", "numeric"),
            ("length", "varchar", "int4"),
            ("length", "unknown", "int4"),
            ("lower", "bpchar", "text"),
            ("concat", "int4 text date", "text"),
            ("greatest", "int4 numeric", "numeric"),
            ("coalesce_is_not_here", "int4", ""),
            ("date_trunc", "unknown date", "timestamptz"),
            ("sqrt", "int4", "float8"),
            ("mod", "int4 int8", "int8"),
            ("array_length", "int4[] int4", "int4"),
            ("array_append", "int8[] int4", "int8[]"),
            ("substring", "unknown int4 int4", "text"),
            ("age", "date", "interval"),
        ] {
            let resolved = function::resolve(name, &types(arguments)).map(|r| r.result).ok();
            let expected = (!expected.is_empty()).then(|| parse(expected));
            assert_eq!(resolved, expected, "{name} {arguments}");
        }
        for (name, arguments, expected) in [
            ("sum", "int2", "int8"),
            ("sum", "int4", "int8"),
            ("sum", "int8", "numeric"),
            ("avg", "int4", "numeric"),
            ("avg", "float4", "float8"),
            ("min", "varchar", "text"),
            ("count", "", "int8"),
            ("count", "text", "int8"),
            ("array_agg", "int4", "int4[]"),
            ("string_agg", "varchar unknown", "text"),
            ("stddev", "int4", "numeric"),
        ] {
            let resolved = aggregate::resolve(name, &types(arguments)).map(|r| r.result).ok();
            assert_eq!(resolved, Some(parse(expected)), "{name} {arguments}");
        }
    }

    #[test]
    fn common_types_and_casts() {
        for (list, expected) in [
            ("int4 int8", Some("int8")),
            ("int4 unknown", Some("int4")),
            ("unknown unknown", Some("text")),
            ("int4 text", None),
            ("int4 numeric float8", Some("float8")),
            ("varchar text", Some("text")),
            ("date timestamp", Some("timestamp")),
        ] {
            assert_eq!(common_type(&types(list)), expected.map(parse), "{list}");
        }
        let context = |from, to| cast::cast_context(parse(from), parse(to));
        assert_eq!(context("int4", "int8"), Some(CastContext::Implicit));
        assert_eq!(context("int8", "int4"), Some(CastContext::Assignment));
        assert_eq!(context("text", "int4"), Some(CastContext::Explicit));
        assert_eq!(context("int4", "text"), Some(CastContext::Assignment));
        assert_eq!(context("bool", "int8"), None);
        assert_eq!(context("date", "int4"), None);
    }
}
