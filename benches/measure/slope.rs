//! How fast something grows: the least-squares line through what was measured over time.

/// Growth by the unit of the points' first coordinate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    pub growth: f64,
    /// Its standard error, as if the points scattered independently about the line. Memory does
    /// not: read it as a lower bound.
    pub error: f64,
}

/// NaN of fewer than three points, or of points that all lie at one time.
pub fn least_squares(points: &[(f64, f64)]) -> Slope {
    let count = points.len() as f64;
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(&|point| point.0), mean(&|point| point.1));
    let sum =
        |of: &dyn Fn(f64, f64) -> f64| points.iter().map(|(x, y)| of(x - mean_x, y - mean_y)).sum::<f64>();
    let spread = sum(&|x, _| x * x);
    if points.len() < 3 || spread == 0.0 {
        return Slope { growth: f64::NAN, error: f64::NAN };
    }
    let growth = sum(&|x, y| x * y) / spread;
    let left = sum(&|x, y| (y - growth * x).powi(2));
    Slope { growth, error: (left / (count - 2.0) / spread).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_and_what_lies_beside_it_is_the_error() {
        let exact = least_squares(&[(0.0, 5.0), (1.0, 7.0), (2.0, 9.0), (3.0, 11.0)]);
        assert!((exact.growth - 2.0).abs() < 1e-12 && exact.error < 1e-9, "{exact:?}");
        // By hand: the means are 1 and 1, the growth is 1.5 / 2; what is left is -1/4, 1/2 and
        // -1/4, in squares 3/8.
        let bent = least_squares(&[(0.0, 0.0), (1.0, 1.5), (2.0, 1.5)]);
        assert!((bent.growth - 0.75).abs() < 1e-12, "{bent:?}");
        assert!((bent.error - (0.375_f64 / 2.0).sqrt()).abs() < 1e-12, "{bent:?}");
    }

    #[test]
    fn nothing_is_said_of_too_little() {
        assert!(least_squares(&[(0.0, 1.0), (1.0, 2.0)]).growth.is_nan());
        assert!(least_squares(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]).growth.is_nan());
    }
}
