//! The local time that a template may print. The caller passes it in, because wasm has no clock and tests
//! need a fixed time.

use std::fmt::Write;

use crate::TextError;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A local date and time without a time zone. [`LocalTime::new`] validates every field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    year: i32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

impl LocalTime {
    /// Validates the parts: `month` and `day` from 1, `hour` 0..=23, `second` 0..=60 (a leap second).
    ///
    /// # Errors
    /// [`TextError::BadLocalTime`] names the first field that is out of range; the limit of `day` depends on
    /// the month.
    pub fn new(
        year: i32,
        month: u32,
        day: u32,
        hour: u32,
        minute: u32,
        second: u32,
    ) -> Result<Self, TextError> {
        let time = Self { year, month, day, hour, minute, second };
        for (field, value, range) in [
            ("year", i64::from(year), 0..=9999),
            ("month", i64::from(month), 1..=12),
            ("day", i64::from(day), 1..=time.days_in_month()),
            ("hour", i64::from(hour), 0..=23),
            ("minute", i64::from(minute), 0..=59),
            ("second", i64::from(second), 0..=60),
        ] {
            if !range.contains(&value) {
                return Err(TextError::BadLocalTime { field, value });
            }
        }
        Ok(time)
    }

    /// Midnight of 1 January 1970, used if the caller passes no time.
    pub const EPOCH: Self = Self { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0 };

    /// Formats like C's `strftime` in the C locale. Unknown directives are left as they are, as in glibc.
    pub fn strftime(&self, format: &str) -> String {
        let mut out = String::with_capacity(format.len() + 16);
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let rest = chars.as_str();
            // glibc's flag `-`: a number without padding.
            let unpadded = rest.starts_with('-');
            if unpadded {
                chars.next();
            }
            match chars.next() {
                Some(directive) if self.directive(&mut out, directive, unpadded) => {}
                _ => {
                    let used = rest.len() - chars.as_str().len();
                    out.push('%');
                    out.push_str(&rest[..used]);
                }
            }
        }
        out
    }

    /// Writes one directive; returns false if it is unknown.
    fn directive(&self, out: &mut String, directive: char, unpadded: bool) -> bool {
        let mut number = |value: u32, width: usize, pad: char| {
            let digits = value.to_string();
            if !unpadded {
                out.extend(std::iter::repeat_n(pad, width.saturating_sub(digits.len())));
            }
            out.push_str(&digits);
        };
        let hour12 = (self.hour + 11) % 12 + 1;
        match directive {
            'Y' => out.push_str(&self.year.to_string()),
            'C' => number(self.year.unsigned_abs() / 100, 2, '0'),
            'y' => number(self.year.rem_euclid(100).unsigned_abs(), 2, '0'),
            'm' => number(self.month, 2, '0'),
            'd' => number(self.day, 2, '0'),
            'e' => number(self.day, 2, ' '),
            'j' => number(self.day_of_year(), 3, '0'),
            'H' => number(self.hour, 2, '0'),
            'I' => number(hour12, 2, '0'),
            'k' => number(self.hour, 2, ' '),
            'l' => number(hour12, 2, ' '),
            'M' => number(self.minute, 2, '0'),
            'S' => number(self.second, 2, '0'),
            'u' => number((self.weekday() + 6) % 7 + 1, 1, '0'),
            // Week of the year; weeks start on Sunday (%U) or Monday (%W).
            'U' => number((self.day_of_year() + 6 - self.weekday()) / 7, 2, '0'),
            'W' => number((self.day_of_year() + 6 - (self.weekday() + 6) % 7) / 7, 2, '0'),
            'w' => number(self.weekday(), 1, '0'),
            'p' => out.push_str(if self.hour < 12 { "AM" } else { "PM" }),
            'B' => out.push_str(self.month_name()),
            'b' | 'h' => out.push_str(&self.month_name()[..3]),
            'A' => out.push_str(self.weekday_name()),
            'a' => out.push_str(&self.weekday_name()[..3]),
            'D' | 'x' => out.push_str(&self.strftime("%m/%d/%y")),
            'F' => out.push_str(&self.strftime("%Y-%m-%d")),
            'T' | 'X' => out.push_str(&self.strftime("%H:%M:%S")),
            'R' => out.push_str(&self.strftime("%H:%M")),
            'r' => out.push_str(&self.strftime("%I:%M:%S %p")),
            'c' => out.push_str(&self.strftime("%a %b %e %H:%M:%S %Y")),
            'f' => out.push_str("000000"),
            // Like Python's naive datetime, there is no offset and no zone name.
            'z' | 'Z' => {}
            'n' => out.push('\n'),
            't' => out.push('\t'),
            '%' => out.push('%'),
            _ => return false,
        }
        true
    }

    fn month_name(&self) -> &'static str {
        MONTHS[(self.month as usize - 1) % 12]
    }

    fn weekday_name(&self) -> &'static str {
        WEEKDAYS[self.weekday() as usize % 7]
    }

    fn is_leap(&self) -> bool {
        self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0)
    }

    fn days_in_month(&self) -> i64 {
        match self.month {
            2 => 28 + i64::from(self.is_leap()),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    fn day_of_year(&self) -> u32 {
        const BEFORE: [u32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let leap_day = u32::from(self.is_leap() && self.month > 2);
        BEFORE[(self.month as usize - 1) % 12] + leap_day + self.day
    }

    /// Days since Sunday, from the number of days in the years before this one.
    fn weekday(&self) -> u32 {
        let before = self.year - 1;
        let days = before * 365 + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
        // 1 January of year 1 was a Monday.
        (days + self.day_of_year() as i32).rem_euclid(7).unsigned_abs()
    }
}

impl std::fmt::Display for LocalTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.strftime("%F"))?;
        f.write_char(' ')?;
        f.write_str(&self.strftime("%T"))
    }
}

#[cfg(test)]
mod tests {
    use super::LocalTime;

    fn new_year() -> LocalTime {
        LocalTime::new(2026, 1, 2, 12, 34, 56).unwrap()
    }

    #[test]
    fn prints_the_directives_of_chat_templates() {
        let time = new_year();
        assert_eq!(time.strftime("%d %b %Y"), "02 Jan 2026");
        assert_eq!(time.strftime("%B %d, %Y"), "January 02, 2026");
        assert_eq!(time.strftime("%A, %-d %B %Y at %-I:%M %p"), "Friday, 2 January 2026 at 12:34 PM");
        assert_eq!(time.strftime("%Y-%m-%d %H:%M:%S"), time.to_string());
        assert_eq!(time.strftime("%e|%j|%u|%w|%y|%C"), " 2|002|5|5|26|20");
        assert_eq!(time.strftime("%c"), "Fri Jan  2 12:34:56 2026");
    }

    #[test]
    fn leaves_unknown_directives_alone() {
        assert_eq!(new_year().strftime("100% %Q %-Q %é %"), "100% %Q %-Q %é %");
    }

    #[test]
    fn knows_weekdays_and_leap_years() {
        let leap = LocalTime::new(2000, 2, 29, 0, 0, 0).unwrap();
        assert_eq!(leap.strftime("%a %j"), "Tue 060");
        assert_eq!(LocalTime::new(2024, 12, 31, 23, 59, 60).unwrap().strftime("%a %j"), "Tue 366");
        assert_eq!(LocalTime::EPOCH.strftime("%a %I"), "Thu 12");
        assert_eq!(LocalTime::new(0, 1, 1, 0, 0, 0).unwrap().strftime("%a"), "Sat");
    }

    #[test]
    fn rejects_impossible_times() {
        for (parts, field) in [
            ((2026, 0, 1, 0, 0, 0), "month"),
            ((2025, 2, 29, 0, 0, 0), "day"),
            ((2025, 4, 31, 0, 0, 0), "day"),
            ((2025, 4, 3, 24, 0, 0), "hour"),
            ((10000, 4, 3, 24, 0, 0), "year"),
        ] {
            let (y, mo, d, h, mi, s) = parts;
            let error = LocalTime::new(y, mo, d, h, mi, s).unwrap_err();
            assert!(error.to_string().starts_with(field), "{error}");
            assert!(matches!(error, crate::TextError::BadLocalTime { .. }));
        }
    }
}
