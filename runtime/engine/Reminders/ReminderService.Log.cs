using Microsoft.Extensions.Logging;

namespace JitGrains.Runtime.Engine;

internal sealed partial class ReminderService
{
    [LoggerMessage(1200, LogLevel.Error, "Reminder {Reminder} of a {GrainType} failed; trying again in {Seconds} s")]
    private static partial void LogReminderFailed(ILogger logger, Exception exception, string grainType, string reminder, double seconds);

    [LoggerMessage(1201, LogLevel.Error, "Reminders could not be read or moved on; trying again in {Seconds} s")]
    private static partial void LogStoreFailed(ILogger logger, Exception exception, double seconds);
}
