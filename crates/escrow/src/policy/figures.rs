//! The figures of the rules: every one is in the PolicyDoc, none in the code. Contract:
//! `proto/release.md#policydoc`.

use crate::record::TextError;
use crate::record::text::{Fields, Lines};

const DAY: u64 = 86_400;

macro_rules! figures {
    ($( $(#[$about:meta])* $field:ident = $word:literal, $v1:expr; )+) => {
        /// Every figure of the rules. Times are in seconds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Figures {
            $( $(#[$about])* pub $field: u64, )+
        }

        impl Figures {
            /// The figures that the contract recommends.
            pub const RECOMMENDED: Self = Self { $( $field: $v1, )+ };

            pub(super) fn write(&self, lines: &mut Lines) {
                $( lines.field($word, &self.$field); )+
            }

            pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, TextError> {
                Ok(Self { $( $field: fields.figure($word)?, )+ })
            }
        }
    };
}

figures! {
    /// How old the quorum's cosignatures on a trustee's head may be.
    head_age_secs = "head-age-secs", 120;
    /// By how much clocks may differ.
    clock_skew_secs = "clock-skew-secs", 30;
    /// How long after the time it states a request may be stamped.
    request_age_secs = "request-age-secs", 3600;
    /// How long after its stamp a request may be granted.
    request_valid_secs = "request-valid-secs", 7 * DAY;
    /// The longest epoch.
    epoch_max_secs = "epoch-max-secs", 600;
    /// How long after its day a trustee may keep the key of a day.
    day_key_max_secs = "day-key-max-secs", 100 * DAY;
    /// The longest span of an emergency request.
    emergency_span_secs = "emergency-span-secs", 3600;
    /// How far back an emergency request may reach.
    emergency_lookback_secs = "emergency-lookback-secs", DAY;
    /// The most emergency requests of an agency within the window.
    emergency_agency_max = "emergency-agency-max", 10;
    /// That window.
    emergency_agency_window_secs = "emergency-agency-window-secs", 30 * DAY;
    /// The most emergency requests about a camera within the window.
    emergency_camera_max = "emergency-camera-max", 2;
    /// That window.
    emergency_camera_window_secs = "emergency-camera-window-secs", 30 * DAY;
    /// After so many emergency requests of all agencies within the window each further one needs
    /// two approvers.
    breaker_max = "breaker-max", 20;
    /// That window.
    breaker_window_secs = "breaker-window-secs", DAY;
    /// How soon an emergency must be ratified.
    ratify_within_secs = "ratify-within-secs", 3 * DAY;
    /// With more granted emergencies than this left unratified within the window, the agency is
    /// suspended.
    unratified_max = "unratified-max", 2;
    /// That window.
    unratified_window_secs = "unratified-window-secs", 90 * DAY;
    /// The longest span of a legal request.
    legal_span_secs = "legal-span-secs", DAY;
    /// The most legal requests of an agency within the window.
    legal_agency_max = "legal-agency-max", 50;
    /// That window.
    legal_agency_window_secs = "legal-agency-window-secs", 30 * DAY;
    /// How long a recovery waits for a veto.
    recovery_wait_secs = "recovery-wait-secs", 3 * DAY;
    /// The most recovery requests about a camera within the window.
    recovery_camera_max = "recovery-camera-max", 2;
    /// That window.
    recovery_camera_window_secs = "recovery-camera-window-secs", 30 * DAY;
}
