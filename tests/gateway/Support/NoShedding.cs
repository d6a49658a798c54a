using System.Runtime.CompilerServices;

namespace JitGrains.GatewayTests.Support;

/// <summary>
/// Tests run beside others on a busy machine, where a gateway rightly finds itself late and turns calls away. None does that here, in this
/// process or in one that it starts; what is turned away and when has tests of its own.
/// </summary>
internal static class NoShedding
{
    [ModuleInitializer]
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Usage", "CA2255", Justification = "It has to be set before any test.")]
    internal static void Set() => Environment.SetEnvironmentVariable("JITGRAINS__MAXDELAY", "01:00:00");
}
