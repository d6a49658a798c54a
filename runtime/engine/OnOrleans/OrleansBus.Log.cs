using Microsoft.Extensions.Logging;

namespace JitGrains.Runtime.Engine;

internal sealed partial class OrleansBus
{
    [LoggerMessage(1190, LogLevel.Warning, "The bus between the processes cannot be reached; changes are noticed by looking, until it can")]
    private static partial void LogUnreachable(ILogger logger, Exception exception);
}
