namespace JitGrains.Gateway.Hosting;

/// <summary>How the process logs, whatever levels are configured.</summary>
internal static class HostLogging
{
    /// <summary>Categories of the framework that write whole addresses: with them goes what policy masks in queries.</summary>
    private static readonly string[] WritingAddresses =
        ["Microsoft.AspNetCore.Server.Kestrel.BadRequests", "Yarp.ReverseProxy.Forwarder"];

    /// <summary>Sets it up.</summary>
    /// <param name="logging">The host's logging.</param>
    /// <param name="started">Whether the host has started.</param>
    public static void Configure(ILoggingBuilder logging, Func<bool> started)
    {
        logging.AddSimpleConsole(o => (o.SingleLine, o.TimestampFormat, o.UseUtcTimestamp) = (true, "HH:mm:ss ", true));
        // What keeps it from starting is told in plain lines; the framework's word on that is a stack trace.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", level => started() && level >= LogLevel.Warning);
        foreach (var category in WritingAddresses)
            logging.AddFilter(category, LogLevel.Warning);
        // It also writes whole addresses. While anybody listens to it, each request gets an activity and a logging scope, whether
        // somebody wants traces or not; where they are exported, the exporter's listener has the activities made.
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
    }
}
