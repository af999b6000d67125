/// Returns the number of days in a month, 1...12, of the Gregorian calendar.
func daysInMonth(_ month: Int, of year: Int) -> Int {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
}

/// Returns the number of days from 1 January 1970 to a date of the Gregorian calendar.
func daysSince1970(year: Int, month: Int, day: Int) -> Int {
    // Years begin with March here, so that a leap day is the last day of its year.
    let years = month > 2 ? year : year - 1
    let days = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    return years * 365 + years / 4 - years / 100 + years / 400 + days - 719_468
}
