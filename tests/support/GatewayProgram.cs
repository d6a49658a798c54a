using System.Diagnostics;

namespace JitGrains.TestSupport;

/// <summary>The gateway as a program of its own.</summary>
public static class GatewayProgram
{
    /// <summary>
    /// Where it is: what the variable JITGRAINS_GATEWAY names (one built for another engine, or one that was published), or the build output
    /// beside the tests' own, tests/SUITE/bin/CONFIG/net10.0 and gateway/bin/CONFIG/net10.0.
    /// </summary>
    public static string Path { get; } = Environment.GetEnvironmentVariable("JITGRAINS_GATEWAY") is { Length: > 0 } named ? named : BesideTheTests();

    /// <summary>
    /// For any program's environment: threads that find nothing to do sleep at once. Where many processes share this machine's processors,
    /// they would take them from each other by spinning.
    /// </summary>
    public static KeyValuePair<string, string> SleepAtOnce { get; } = new("DOTNET_ThreadPool_UnfairSemaphoreSpinLimit", "0");

    /// <summary>How it is started: a library by <c>dotnet</c>, anything else, as a publish with the framework makes it, by itself.</summary>
    /// <param name="program">Its library or executable.</param>
    public static ProcessStartInfo Start(string program) =>
        program.EndsWith(".dll", StringComparison.Ordinal) ? new ProcessStartInfo("dotnet", [program]) : new ProcessStartInfo(program);

    private static string BesideTheTests()
    {
        var parts = AppContext.BaseDirectory.TrimEnd('/').Split('/');
        return string.Join('/', [.. parts[..^5], "gateway", .. parts[^3..], "JitGrains.Gateway.dll"]);
    }
}
