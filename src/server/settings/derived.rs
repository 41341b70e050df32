//! Values that follow from settings: the cross-origin layer, the origins, the number of event streams.

use super::{Cors, Limits, SettingsError, Site, Store};
use hardtack_session::policy::{Guard, Origins};
use hardtack_session::store::{OpenError, Transport};
use std::num::NonZeroU32;

impl Cors {
    /// Returns the layer that admits the configured front ends.
    ///
    /// # Errors
    ///
    /// When a method or a header has a name that cannot stand in a response header.
    pub fn guard(&self, origins: &Origins) -> Result<Guard, SettingsError> {
        let of = |key| move |error| SettingsError(format!("`cors.{key}`: {error}."));
        let guard = origins.guard().methods(&self.methods).map_err(of("methods"))?;
        let guard = guard.headers(&self.headers).map_err(of("headers"))?;
        let guard = guard.exposed(&self.expose).map_err(of("expose"))?;
        Ok(guard.max_age(self.max_age).strict(self.strict))
    }
}

impl Limits {
    /// Returns the highest number of event streams, so that there is room for requests beside them.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams.map_or(0, NonZeroU32::get).min(self.connections / 2) as usize
    }
}

impl Store {
    /// Returns how the connection to the store is protected.
    ///
    /// # Errors
    ///
    /// When the store's client cannot read the address.
    pub fn transport(&self) -> Result<Transport, OpenError> {
        self.url.transport(self.insecure)
    }
}

impl Site {
    /// Returns the origins whose pages use the session.
    #[must_use]
    pub fn origins(&self) -> Origins {
        Origins::new(self.url.clone(), self.front_ends.iter().cloned())
    }
}
