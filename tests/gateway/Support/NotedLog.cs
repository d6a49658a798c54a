using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace JitGrains.GatewayTests.Support;

/// <summary>A log that can be looked at. Thread-safe.</summary>
internal sealed class NotedLog<T> : ILogger<T>
{
    private readonly ConcurrentQueue<(LogLevel Level, int Event, string Text)> entries = new();

    public IReadOnlyCollection<(LogLevel Level, int Event, string Text)> Entries => entries;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        entries.Enqueue((logLevel, eventId.Id, formatter(state, exception)));

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;
}
