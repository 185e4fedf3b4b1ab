//! Rate limits of logins and registrations, per account and per client address.
//!
//! An attempt is counted before it runs, so that a thousand simultaneous attempts cannot bypass the limit. A successful
//! login is subtracted again, so that only failures count.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

use crate::error::Error;
use crate::rate_limit::{KeyedRateLimiter, Rate};

/// The attempts of this node.
#[derive(Debug)]
pub struct LoginAttempts {
    accounts: KeyedRateLimiter<String>,
    addresses: KeyedRateLimiter<IpAddr>,
}

impl LoginAttempts {
    /// Allows `account_rate` per account and `address_rate` per client address.
    pub fn new(account_rate: Rate, address_rate: Rate) -> Self {
        Self { accounts: KeyedRateLimiter::new(account_rate), addresses: KeyedRateLimiter::new(address_rate) }
    }

    /// Counts an attempt.
    ///
    /// # Errors
    /// TooManyAttempts.
    pub fn count(&self, account: Option<&str>, address: Option<IpAddr>) -> Result<(), Error> {
        let now = Instant::now();
        let by_address = address.map_or(Ok(()), |address| self.addresses.take(network(address), now));
        let by_account = account.map_or(Ok(()), |account| self.accounts.take(account.to_owned(), now));
        by_address.and(by_account).map_err(|wait| Error::TooManyAttempts { retry_after_s: wait.as_secs() + 1 })
    }

    /// Subtracts the attempt of a successful login.
    pub fn give_back(&self, account: &str, address: Option<IpAddr>) {
        self.accounts.give_back(&account.to_owned());
        if let Some(address) = address {
            self.addresses.give_back(&network(address));
        }
    }
}

/// Returns the address to count: for IPv6 its /64 network, because a client usually controls all of it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_one_ipv6_network_count_as_one() {
        let of = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::4"), of("2001:db8:1:3::4"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("::ffff:192.0.2.1"), of("::ffff:192.0.2.2"));
    }
}
