//! SQLSTATE codes, as PostgreSQL uses them (its appendix A).

use std::fmt;

/// Five characters that name a kind of error; clients branch on it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// `00000`
    pub const SUCCESSFUL_COMPLETION: SqlState = SqlState(*b"00000");
    /// `01000`
    pub const WARNING: SqlState = SqlState(*b"01000");
    /// `02000`
    pub const NO_DATA: SqlState = SqlState(*b"02000");
    /// `08P01`
    pub const PROTOCOL_VIOLATION: SqlState = SqlState(*b"08P01");
    /// `08006`
    pub const CONNECTION_FAILURE: SqlState = SqlState(*b"08006");
    /// `0A000`
    pub const FEATURE_NOT_SUPPORTED: SqlState = SqlState(*b"0A000");
    /// `21000`
    pub const CARDINALITY_VIOLATION: SqlState = SqlState(*b"21000");
    /// `22000`
    pub const DATA_EXCEPTION: SqlState = SqlState(*b"22000");
    /// `22001`
    pub const STRING_DATA_RIGHT_TRUNCATION: SqlState = SqlState(*b"22001");
    /// `22003`
    pub const NUMERIC_VALUE_OUT_OF_RANGE: SqlState = SqlState(*b"22003");
    /// `22004`
    pub const NULL_VALUE_NOT_ALLOWED: SqlState = SqlState(*b"22004");
    /// `22007`
    pub const INVALID_DATETIME_FORMAT: SqlState = SqlState(*b"22007");
    /// `22008`
    pub const DATETIME_FIELD_OVERFLOW: SqlState = SqlState(*b"22008");
    /// `22009`
    pub const INVALID_TIME_ZONE_DISPLACEMENT_VALUE: SqlState = SqlState(*b"22009");
    /// `22019`
    pub const INVALID_ESCAPE_CHARACTER: SqlState = SqlState(*b"22019");
    /// `22011`
    pub const SUBSTRING_ERROR: SqlState = SqlState(*b"22011");
    /// `22012`
    pub const DIVISION_BY_ZERO: SqlState = SqlState(*b"22012");
    /// `22015`
    pub const INTERVAL_FIELD_OVERFLOW: SqlState = SqlState(*b"22015");
    /// `2201E`
    pub const INVALID_ARGUMENT_FOR_LOG: SqlState = SqlState(*b"2201E");
    /// `2201F`
    pub const INVALID_ARGUMENT_FOR_POWER_FUNCTION: SqlState = SqlState(*b"2201F");
    /// `2201B`
    pub const INVALID_REGULAR_EXPRESSION: SqlState = SqlState(*b"2201B");
    /// `2201G`
    pub const INVALID_ARGUMENT_FOR_WIDTH_BUCKET: SqlState = SqlState(*b"2201G");
    /// `2201W`
    pub const INVALID_ROW_COUNT_IN_LIMIT: SqlState = SqlState(*b"2201W");
    /// `2201X`
    pub const INVALID_ROW_COUNT_IN_OFFSET: SqlState = SqlState(*b"2201X");
    /// `22021`
    pub const CHARACTER_NOT_IN_REPERTOIRE: SqlState = SqlState(*b"22021");
    /// `22023`
    pub const INVALID_PARAMETER_VALUE: SqlState = SqlState(*b"22023");
    /// `22025`
    pub const INVALID_ESCAPE_SEQUENCE: SqlState = SqlState(*b"22025");
    /// `2202E`
    pub const ARRAY_SUBSCRIPT_ERROR: SqlState = SqlState(*b"2202E");
    /// `22P02`
    pub const INVALID_TEXT_REPRESENTATION: SqlState = SqlState(*b"22P02");
    /// `22P03`
    pub const INVALID_BINARY_REPRESENTATION: SqlState = SqlState(*b"22P03");
    /// `22P04`
    pub const BAD_COPY_FILE_FORMAT: SqlState = SqlState(*b"22P04");
    /// `22P05`
    pub const UNTRANSLATABLE_CHARACTER: SqlState = SqlState(*b"22P05");
    /// `23000`
    pub const INTEGRITY_CONSTRAINT_VIOLATION: SqlState = SqlState(*b"23000");
    /// `23502`
    pub const NOT_NULL_VIOLATION: SqlState = SqlState(*b"23502");
    /// `23503`
    pub const FOREIGN_KEY_VIOLATION: SqlState = SqlState(*b"23503");
    /// `23505`
    pub const UNIQUE_VIOLATION: SqlState = SqlState(*b"23505");
    /// `23514`
    pub const CHECK_VIOLATION: SqlState = SqlState(*b"23514");
    /// `24000`
    pub const INVALID_CURSOR_STATE: SqlState = SqlState(*b"24000");
    /// `25000`
    pub const INVALID_TRANSACTION_STATE: SqlState = SqlState(*b"25000");
    /// `25001`
    pub const ACTIVE_SQL_TRANSACTION: SqlState = SqlState(*b"25001");
    /// `25006`
    pub const READ_ONLY_SQL_TRANSACTION: SqlState = SqlState(*b"25006");
    /// `25P01`
    pub const NO_ACTIVE_SQL_TRANSACTION: SqlState = SqlState(*b"25P01");
    /// `25P02`
    pub const IN_FAILED_SQL_TRANSACTION: SqlState = SqlState(*b"25P02");
    /// `25P03`
    pub const IDLE_IN_TRANSACTION_SESSION_TIMEOUT: SqlState = SqlState(*b"25P03");
    /// `26000`
    pub const INVALID_SQL_STATEMENT_NAME: SqlState = SqlState(*b"26000");
    /// `28000`
    pub const INVALID_AUTHORIZATION_SPECIFICATION: SqlState = SqlState(*b"28000");
    /// `28P01`
    pub const INVALID_PASSWORD: SqlState = SqlState(*b"28P01");
    /// `2BP01`
    pub const DEPENDENT_OBJECTS_STILL_EXIST: SqlState = SqlState(*b"2BP01");
    /// `34000`
    pub const INVALID_CURSOR_NAME: SqlState = SqlState(*b"34000");
    /// `3B000`
    pub const SAVEPOINT_EXCEPTION: SqlState = SqlState(*b"3B000");
    /// `3B001`
    pub const INVALID_SAVEPOINT_SPECIFICATION: SqlState = SqlState(*b"3B001");
    /// `3D000`
    pub const INVALID_CATALOG_NAME: SqlState = SqlState(*b"3D000");
    /// `3F000`
    pub const INVALID_SCHEMA_NAME: SqlState = SqlState(*b"3F000");
    /// `40000`
    pub const TRANSACTION_ROLLBACK: SqlState = SqlState(*b"40000");
    /// `40001`
    pub const SERIALIZATION_FAILURE: SqlState = SqlState(*b"40001");
    /// `40003`
    pub const STATEMENT_COMPLETION_UNKNOWN: SqlState = SqlState(*b"40003");
    /// `40P01`
    pub const DEADLOCK_DETECTED: SqlState = SqlState(*b"40P01");
    /// `42601`
    pub const SYNTAX_ERROR: SqlState = SqlState(*b"42601");
    /// `42501`
    pub const INSUFFICIENT_PRIVILEGE: SqlState = SqlState(*b"42501");
    /// `42846`
    pub const CANNOT_COERCE: SqlState = SqlState(*b"42846");
    /// `42803`
    pub const GROUPING_ERROR: SqlState = SqlState(*b"42803");
    /// `42P20`
    pub const WINDOWING_ERROR: SqlState = SqlState(*b"42P20");
    /// `42P19`
    pub const INVALID_RECURSION: SqlState = SqlState(*b"42P19");
    /// `42830`
    pub const INVALID_FOREIGN_KEY: SqlState = SqlState(*b"42830");
    /// `42602`
    pub const INVALID_NAME: SqlState = SqlState(*b"42602");
    /// `42622`
    pub const NAME_TOO_LONG: SqlState = SqlState(*b"42622");
    /// `42939`
    pub const RESERVED_NAME: SqlState = SqlState(*b"42939");
    /// `42804`
    pub const DATATYPE_MISMATCH: SqlState = SqlState(*b"42804");
    /// `42P18`
    pub const INDETERMINATE_DATATYPE: SqlState = SqlState(*b"42P18");
    /// `42P21`
    pub const COLLATION_MISMATCH: SqlState = SqlState(*b"42P21");
    /// `42809`
    pub const WRONG_OBJECT_TYPE: SqlState = SqlState(*b"42809");
    /// `428C9`
    pub const GENERATED_ALWAYS: SqlState = SqlState(*b"428C9");
    /// `42703`
    pub const UNDEFINED_COLUMN: SqlState = SqlState(*b"42703");
    /// `42883`
    pub const UNDEFINED_FUNCTION: SqlState = SqlState(*b"42883");
    /// `42P01`
    pub const UNDEFINED_TABLE: SqlState = SqlState(*b"42P01");
    /// `42P02`
    pub const UNDEFINED_PARAMETER: SqlState = SqlState(*b"42P02");
    /// `42704`
    pub const UNDEFINED_OBJECT: SqlState = SqlState(*b"42704");
    /// `42701`
    pub const DUPLICATE_COLUMN: SqlState = SqlState(*b"42701");
    /// `42P03`
    pub const DUPLICATE_CURSOR: SqlState = SqlState(*b"42P03");
    /// `42P04`
    pub const DUPLICATE_DATABASE: SqlState = SqlState(*b"42P04");
    /// `42P05`
    pub const DUPLICATE_PREPARED_STATEMENT: SqlState = SqlState(*b"42P05");
    /// `42P06`
    pub const DUPLICATE_SCHEMA: SqlState = SqlState(*b"42P06");
    /// `42P07`
    pub const DUPLICATE_TABLE: SqlState = SqlState(*b"42P07");
    /// `42712`
    pub const DUPLICATE_ALIAS: SqlState = SqlState(*b"42712");
    /// `42710`
    pub const DUPLICATE_OBJECT: SqlState = SqlState(*b"42710");
    /// `42702`
    pub const AMBIGUOUS_COLUMN: SqlState = SqlState(*b"42702");
    /// `42P08`
    pub const AMBIGUOUS_PARAMETER: SqlState = SqlState(*b"42P08");
    /// `42725`
    pub const AMBIGUOUS_FUNCTION: SqlState = SqlState(*b"42725");
    /// `42P10`
    pub const INVALID_COLUMN_REFERENCE: SqlState = SqlState(*b"42P10");
    /// `42611`
    pub const INVALID_COLUMN_DEFINITION: SqlState = SqlState(*b"42611");
    /// `42P11`
    pub const INVALID_CURSOR_DEFINITION: SqlState = SqlState(*b"42P11");
    /// `42P12`
    pub const INVALID_DATABASE_DEFINITION: SqlState = SqlState(*b"42P12");
    /// `42P13`
    pub const INVALID_FUNCTION_DEFINITION: SqlState = SqlState(*b"42P13");
    /// `42P14`
    pub const INVALID_PREPARED_STATEMENT_DEFINITION: SqlState = SqlState(*b"42P14");
    /// `42P15`
    pub const INVALID_SCHEMA_DEFINITION: SqlState = SqlState(*b"42P15");
    /// `42P16`
    pub const INVALID_TABLE_DEFINITION: SqlState = SqlState(*b"42P16");
    /// `42P17`
    pub const INVALID_OBJECT_DEFINITION: SqlState = SqlState(*b"42P17");
    /// `53000`
    pub const INSUFFICIENT_RESOURCES: SqlState = SqlState(*b"53000");
    /// `53100`
    pub const DISK_FULL: SqlState = SqlState(*b"53100");
    /// `53200`
    pub const OUT_OF_MEMORY: SqlState = SqlState(*b"53200");
    /// `53300`
    pub const TOO_MANY_CONNECTIONS: SqlState = SqlState(*b"53300");
    /// `53400`
    pub const CONFIGURATION_LIMIT_EXCEEDED: SqlState = SqlState(*b"53400");
    /// `54000`
    pub const PROGRAM_LIMIT_EXCEEDED: SqlState = SqlState(*b"54000");
    /// `54001`
    pub const STATEMENT_TOO_COMPLEX: SqlState = SqlState(*b"54001");
    /// `54011`
    pub const TOO_MANY_COLUMNS: SqlState = SqlState(*b"54011");
    /// `54023`
    pub const TOO_MANY_ARGUMENTS: SqlState = SqlState(*b"54023");
    /// `55000`
    pub const OBJECT_NOT_IN_PREREQUISITE_STATE: SqlState = SqlState(*b"55000");
    /// `55006`
    pub const OBJECT_IN_USE: SqlState = SqlState(*b"55006");
    /// `55P02`
    pub const CANT_CHANGE_RUNTIME_PARAM: SqlState = SqlState(*b"55P02");
    /// `55P03`
    pub const LOCK_NOT_AVAILABLE: SqlState = SqlState(*b"55P03");
    /// `57014`
    pub const QUERY_CANCELED: SqlState = SqlState(*b"57014");
    /// `57P01`
    pub const ADMIN_SHUTDOWN: SqlState = SqlState(*b"57P01");
    /// `57P02`
    pub const CRASH_SHUTDOWN: SqlState = SqlState(*b"57P02");
    /// `57P03`
    pub const CANNOT_CONNECT_NOW: SqlState = SqlState(*b"57P03");
    /// `57P05`
    pub const IDLE_SESSION_TIMEOUT: SqlState = SqlState(*b"57P05");
    /// `58030`
    pub const IO_ERROR: SqlState = SqlState(*b"58030");
    /// `58P01`
    pub const UNDEFINED_FILE: SqlState = SqlState(*b"58P01");
    /// `58P02`
    pub const DUPLICATE_FILE: SqlState = SqlState(*b"58P02");
    /// `72000`
    pub const SNAPSHOT_TOO_OLD: SqlState = SqlState(*b"72000");
    /// `F0000`
    pub const CONFIG_FILE_ERROR: SqlState = SqlState(*b"F0000");
    /// `F0001`
    pub const LOCK_FILE_EXISTS: SqlState = SqlState(*b"F0001");
    /// `XX000`
    pub const INTERNAL_ERROR: SqlState = SqlState(*b"XX000");
    /// `XX001`
    pub const DATA_CORRUPTED: SqlState = SqlState(*b"XX001");
    /// `XX002`
    pub const INDEX_CORRUPTED: SqlState = SqlState(*b"XX002");

    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XX000")
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
