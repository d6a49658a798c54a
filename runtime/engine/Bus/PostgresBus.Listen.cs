using Npgsql;

namespace JitGrains.Runtime.Engine;

/// <content>The side that listens, and answers by the same connection.</content>
internal sealed partial class PostgresBus
{
    // The bus whose notification this thread handles, and what was published meanwhile.
    [ThreadStatic]
    private static (PostgresBus Bus, List<BusMessage> Answers)? handling;

    /// <summary>How the connection that listens is opened.</summary>
    public static string Listener(GrainEngineOptions options) => new NpgsqlConnectionStringBuilder(options.DatabaseListen ?? options.Database!)
    {
        Pooling = false,
        Timeout = (int)Math.Ceiling(options.DatabaseConnectTimeout.TotalSeconds),
        CommandTimeout = (int)Math.Ceiling(SilenceLimit.TotalSeconds),
        TcpKeepAlive = true,
        MaxAutoPrepare = 4,
        AutoPrepareMinUsages = 2,
    }.ToString();

    private async Task ListenAsync(Action succeeded, CancellationToken stopping)
    {
        await using var connection = new NpgsqlConnection(Listener(options));
        var answers = new List<BusMessage>();
        connection.Notification += (_, notification) => Receive(notification.Payload, answers);
        await connection.OpenAsync(stopping);
        // What is for this process alone wakes no other.
        foreach (var channel in new[] { PostgresPayload.ChannelOf(self), PostgresPayload.Channel })
        {
#pragma warning disable CA2100 // Letters and digits of our own.
            await using var listen = new NpgsqlCommand($"LISTEN {channel}", connection);
#pragma warning restore CA2100
            await listen.ExecuteNonQueryAsync(stopping);
        }

        succeeded();
        Resumed?.Invoke(this, EventArgs.Empty);
        listening.TrySetResult();
        await using var ask = new NpgsqlCommand("SELECT 1", connection);
        await using var answer = connection.CreateCommand();
        answer.CommandText = Notify;
        while (true)
        {
            while (answers.Count > 0)
            {
                SetMessages(answer, answers);
                answers.Clear();
                await answer.ExecuteNonQueryAsync(stopping);
            }

            // A line that has gone dead says nothing: after some silence it is asked.
            if (!await connection.WaitAsync(SilenceLimit, stopping))
                await ask.ExecuteScalarAsync(stopping);
        }
    }

    private void Receive(string payload, List<BusMessage> answers)
    {
        handling = (this, answers);
        try
        {
            foreach (var message in PostgresPayload.Read(self, payload))
                Tell(message);
        }
        finally
        {
            handling = null;
        }
    }
}
