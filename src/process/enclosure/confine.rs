//! What a program inside may no longer do: gain privileges, use capabilities, signal
//! processes outside.

use std::io;

use landlock::{
    CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, Scope,
};
use rustix::io::Errno;
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_capabilities_secure_bits,
    set_no_new_privs,
};

/// Gives up what entering a user namespace has given (every capability in it), for this
/// process and all that it starts. Without a capability nothing that is mounted can be
/// taken away again; in a further user namespace, which may be made, the mounts of this
/// one are locked: see `mount_namespaces(7)`.
pub(super) fn drop_privileges() -> io::Result<()> {
    set_no_new_privs(true)?;
    // Root would get all of them back from execve(2): see "Capabilities and execution of
    // programs by root" in capabilities(7).
    set_capabilities_secure_bits(
        CapabilitiesSecureBits::NO_ROOT | CapabilitiesSecureBits::NO_ROOT_LOCKED,
    )?;
    for capability in CapabilitySet::all().iter() {
        match remove_capability_from_bounding_set(capability) {
            // One that this kernel does not know.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => return Err(error.into()),
        }
    }
    clear_ambient_capability_set()?;
    keep_signals_inside();
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    Ok(())
}

/// Landlock's scope for signals, from Linux 6.12: see landlock(7). An older kernel lets a
/// program signal what its user may signal.
fn keep_signals_inside() {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::BestEffort);
    let scoped = ruleset.scope(Scope::Signal).and_then(Ruleset::create);
    // Whether it holds is tested where programs are run: nothing rests on it alone.
    let _ = scoped.and_then(|created| created.no_new_privs(false).restrict_self());
}
