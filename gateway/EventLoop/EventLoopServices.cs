namespace JitGrains.Gateway.EventLoop;

/// <summary>The loop of sockets, where there can be one.</summary>
internal static class EventLoopServices
{
    /// <summary>Adds it; without it callers' connections are Kestrel's own, and calls go to upstreams by .NET's HTTP client.</summary>
    public static IServiceCollection AddSocketLoop(this IServiceCollection services) =>
        SocketLoop.IsSupported ? services.AddSingleton<SocketLoop>() : services;
}
