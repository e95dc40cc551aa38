//! What the optimizer expects of a plan.

/// What is expected of an operator and of those below it: a tree of the same shape as the plan.
#[derive(Clone, Debug, Default)]
pub struct Estimate {
    /// Rows that come out, of all cores together.
    pub rows: f64,
    /// Work up to the last row, with that of the inputs; the unit is reading one row.
    pub cost: f64,
    pub inputs: Vec<Estimate>,
}

impl Estimate {
    /// An operator without inputs.
    pub fn leaf(rows: f64, cost: f64) -> Estimate {
        Estimate { rows, cost, inputs: Vec::new() }
    }

    /// An operator over inputs, with the work that it does itself.
    pub fn over(inputs: Vec<Estimate>, rows: f64, own_cost: f64) -> Estimate {
        let cost = own_cost + inputs.iter().map(|input| input.cost).sum::<f64>();
        Estimate { rows, cost, inputs }
    }
}
